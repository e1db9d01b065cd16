//! A prefix of a bucket of a real object store, one for each test.

use std::time::Duration;

use cloakroom::{
    config::{Options, Secret},
    storage::{ContentKey, S3, Storage},
};
use futures_util::TryStreamExt;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tokio::sync::OnceCell;

use super::{
    Program,
    server::with,
    store_engine::{BUCKET, Engine, KEY, Kind, SECRET},
};

/// A prefix of a bucket of an engine.
#[derive(Clone, Debug)]
pub struct Store {
    pub endpoint: String,
    pub bucket: String,
    pub prefix: String,
}

impl Store {
    /// A prefix of one test.
    pub async fn create() -> Self {
        static SHARED: OnceCell<(String, Option<Engine>)> = OnceCell::const_new();
        let shared = SHARED.get_or_init(async || match Kind::chosen() {
            (_, Some(endpoint)) => (endpoint, None),
            (_, None) => {
                let engine = Engine::start().await;
                (engine.endpoint(), Some(engine))
            }
        });
        let (endpoint, _) = shared.await;
        Self::at(endpoint).await
    }

    /// The same where this run of the tests keeps content in a store, by `CLOAKROOM_TEST_STORAGE=s3`.
    pub async fn chosen() -> Option<Self> {
        match std::env::var("CLOAKROOM_TEST_STORAGE").as_deref() {
            Ok("s3") => Some(Self::create().await),
            _ => None,
        }
    }

    /// A prefix of one test, at an engine of its own.
    pub async fn at(endpoint: &str) -> Self {
        let name = cloakroom::hex::encode(&cloakroom::random::bytes::<8>());
        let store = Self {
            endpoint: endpoint.to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: format!("test-{name}/"),
        };
        store.make_bucket().await;
        store
    }

    fn signed(&self) -> (Bucket, Credentials) {
        let endpoint = self.endpoint.parse().unwrap();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, self.bucket.clone(), "us-east-1");
        (bucket.unwrap(), Credentials::new(KEY, SECRET))
    }

    async fn make_bucket(&self) {
        let (bucket, credentials) = self.signed();
        for _ in 0..100 {
            let url = bucket
                .create_bucket(&credentials)
                .sign(Duration::from_secs(60));
            let made = reqwest::Client::new().put(url).send().await;
            match made.map(|made| made.status().as_u16()) {
                // 409: it is there.
                Ok(200 | 409) => return,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        panic!(
            "the bucket {} cannot be made at {}",
            self.bucket, self.endpoint
        );
    }

    /// Has a server keep content here.
    pub fn configure(&self, options: &mut Options) {
        options.storage = "s3".to_owned();
        options.s3_endpoint = Some(self.endpoint.clone());
        options.s3_bucket = Some(self.bucket.clone());
        options.s3_prefix.clone_from(&self.prefix);
        options.s3_access_key_id = Some(KEY.to_owned());
        options.s3_secret_access_key = Some(Secret::from(SECRET.to_owned()));
    }

    /// The same for a program.
    pub fn configure_program(&self, program: Program) -> Program {
        program
            .set("STORAGE", "s3")
            .set("S3_ENDPOINT", &self.endpoint)
            .set("S3_BUCKET", &self.bucket)
            .set("S3_PREFIX", &self.prefix)
            .set("S3_ACCESS_KEY_ID", KEY)
            .set("S3_SECRET_ACCESS_KEY", SECRET)
    }

    /// Puts an object there, as somebody else would.
    pub async fn put(&self, name: &str, bytes: &[u8]) {
        let (bucket, credentials) = self.signed();
        let name = format!("{}{name}", self.prefix);
        let put = bucket.put_object(Some(&credentials), &name);
        let put = reqwest::Client::new()
            .put(put.sign(Duration::from_secs(60)))
            .body(bytes.to_vec());
        assert!(put.send().await.unwrap().status().is_success());
    }

    /// Removes an object.
    pub async fn delete(&self, name: &str) {
        let (bucket, credentials) = self.signed();
        let name = format!("{}{name}", self.prefix);
        let delete = bucket.delete_object(Some(&credentials), &name);
        let delete = reqwest::Client::new().delete(delete.sign(Duration::from_secs(60)));
        assert!(delete.send().await.unwrap().status().is_success());
    }

    /// The names of all contents, in order.
    pub async fn names(&self) -> Vec<String> {
        let config = with(|options| self.configure(options)).validate().unwrap();
        let storage = Storage::S3(S3::new(&config.s3).unwrap());
        let name = |key: ContentKey| format!("content/{}", key.path());
        storage.keys().map_ok(name).try_collect().await.unwrap()
    }

    /// How many contents there are.
    pub async fn contents(&self) -> usize {
        self.names().await.len()
    }

    /// The bytes of an object; `None` where there is none.
    pub async fn get(&self, name: &str) -> Option<Vec<u8>> {
        let (bucket, credentials) = self.signed();
        let name = format!("{}{name}", self.prefix);
        let get = bucket.get_object(Some(&credentials), &name);
        let answer = reqwest::get(get.sign(Duration::from_secs(60)))
            .await
            .unwrap();
        match answer.status().as_u16() {
            404 => None,
            _ => Some(
                answer
                    .error_for_status()
                    .unwrap()
                    .bytes()
                    .await
                    .unwrap()
                    .to_vec(),
            ),
        }
    }
}
