//! People who use the server, each with a client of their own.

use std::sync::Arc;

use reqwest::{
    Client, Method, RequestBuilder, Url,
    cookie::{CookieStore, Jar},
    multipart,
    redirect::Policy,
};
use serde_json::{Value, json};

use super::{Answer, Download};

pub const PASSWORD: &str = "correct horse battery";
/// What every client calls itself.
pub const USER_AGENT: &str = "cloakroom-tests/1";

/// Somebody with a browser or a program.
#[derive(Clone)]
pub struct Person {
    pub base: String,
    pub client: Client,
    jar: Arc<Jar>,
    /// Scheme and secret.
    authorization: Option<String>,
    address: Option<String>,
}

impl Person {
    pub fn anonymous(base: &str) -> Self {
        let jar = Arc::new(Jar::default());
        Self {
            base: base.to_owned(),
            client: Client::builder()
                .cookie_provider(Arc::clone(&jar))
                .no_proxy()
                .user_agent(USER_AGENT)
                .build()
                .unwrap(),
            jar,
            authorization: None,
            address: None,
        }
    }

    /// The cookies this person's browser sends, as the header has them; empty without any.
    pub fn cookie(&self) -> String {
        let cookies = self.jar.cookies(&self.base.parse::<Url>().unwrap());
        cookies.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    /// The headers that carry this person's credentials.
    pub fn credentials(&self) -> Vec<(&'static str, String)> {
        let authorization = self.authorization.clone();
        let cookie = Some(self.cookie()).filter(|cookie| !cookie.is_empty());
        let headers = [("authorization", authorization), ("cookie", cookie)];
        headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// This person's browser, which shows where it is sent instead of going there.
    pub fn step_by_step(&self) -> Client {
        Client::builder()
            .cookie_provider(Arc::clone(&self.jar))
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .build()
            .unwrap()
    }

    /// Somebody else's browser, which got hold of a copy of this person's cookies.
    pub fn double(&self) -> Self {
        let double = Self::anonymous(&self.base);
        let url = self.base.parse::<Url>().unwrap();
        for cookie in self.cookie().split("; ") {
            double.jar.add_cookie_str(cookie, &url);
        }
        double
    }

    /// The same base, as a program with an API token.
    pub fn with_token(&self, secret: &str) -> Self {
        self.with_authorization(&format!("Bearer {secret}"))
    }

    /// The same base, as a program that sends this `Authorization`.
    pub fn with_authorization(&self, authorization: &str) -> Self {
        Self {
            authorization: Some(authorization.to_owned()),
            ..Self::anonymous(&self.base)
        }
    }

    /// The same person (cookies included) at another address, such as nginx's.
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// The same person (cookies included) with a trusted proxy in between, which says that they come from `address`.
    pub fn from(&self, address: &str) -> Self {
        Self {
            address: Some(address.to_owned()),
            ..self.clone()
        }
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        let request = match &self.address {
            Some(address) => request.header("x-forwarded-for", address),
            None => request,
        };
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    /// A request to `/graphql`, to be given a body.
    pub fn post(&self) -> RequestBuilder {
        self.authorized(self.client.post(format!("{}/graphql", self.base)))
    }

    /// A request of any kind, with this person's credentials.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.authorized(self.client.request(method, url))
    }

    /// Runs an operation with variables.
    pub async fn ask_with(&self, query: &str, variables: Value) -> Answer {
        let body = json!({ "query": query, "variables": variables });
        Answer::of(self.post().json(&body).send().await.unwrap()).await
    }

    /// Runs an operation.
    pub async fn ask(&self, query: &str) -> Answer {
        self.ask_with(query, json!({})).await
    }

    pub async fn sign_up(&self, username: &str) {
        let query = "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { username } }";
        let answer = self
            .ask_with(query, json!({ "u": username, "p": PASSWORD }))
            .await;
        assert_eq!(answer.text("/signUp/username"), username);
    }

    pub async fn sign_in(&self, username: &str, password: &str) -> Answer {
        let query = "mutation($u: String!, $p: String!) { signIn(username: $u, password: $p) { username } }";
        self.ask_with(query, json!({ "u": username, "p": password }))
            .await
    }

    /// The name of who is signed in; null for nobody.
    pub async fn me(&self) -> Value {
        let answer = self.ask("{ me { username } }").await;
        let username = answer.data("/me").get("username").cloned();
        username.unwrap_or_default()
    }

    /// A new API token's secret; `scopes` as in `[READ, WRITE]`.
    pub async fn token(&self, scopes: &str) -> String {
        let query =
            format!("mutation {{ createApiToken(name: \"test\", scopes: {scopes}) {{ secret }} }}");
        self.ask(&query).await.text("/createApiToken/secret")
    }

    /// Uploads one file with `query`, whose variables `$file` and `variables` it may use.
    pub async fn upload_with(
        &self,
        query: &str,
        variables: Value,
        name: &str,
        bytes: &[u8],
    ) -> Answer {
        let mut variables = variables;
        variables["file"] = Value::Null;
        let part = multipart::Part::bytes(bytes.to_vec()).file_name(name.to_owned());
        let form = multipart::Form::new()
            .text(
                "operations",
                json!({ "query": query, "variables": variables }).to_string(),
            )
            .text("map", json!({ "0": ["variables.file"] }).to_string())
            .part("0", part);
        Answer::of(self.post().multipart(form).send().await.unwrap()).await
    }

    /// The id of a new file.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
        self.upload_with(query, json!({}), name, bytes)
            .await
            .text("/uploadFile/id")
    }

    /// The id of a share of `file` with one user.
    pub async fn share_with(&self, file: &str, username: &str) -> String {
        let query =
            "mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }";
        let answer = self
            .ask_with(query, json!({ "f": file, "u": username }))
            .await;
        answer.text("/shareWithUser/id")
    }

    /// The id of a share of `file` with everyone who is signed in.
    pub async fn share_with_everyone(&self, file: &str) -> String {
        let query = "mutation($f: ID!) { shareWithAuthenticated(fileId: $f) { id } }";
        self.ask_with(query, json!({ "f": file }))
            .await
            .text("/shareWithAuthenticated/id")
    }

    /// The answer to moving a file to the trash.
    pub async fn delete(&self, file: &str) -> Answer {
        let query = "mutation($f: ID!) { deleteFile(id: $f) }";
        self.ask_with(query, json!({ "f": file })).await
    }

    /// The ids on the first page of a list of files, such as `sharedWithMe`.
    pub async fn list(&self, list: &str) -> Value {
        let answer = self
            .ask(&format!("{{ {list} {{ nodes {{ id }} }} }}"))
            .await;
        answer.data(&format!("/{list}/nodes"))
    }

    pub async fn revoke(&self, share: &str) -> Answer {
        self.ask_with(
            "mutation($s: ID!) { revokeShare(id: $s) }",
            json!({ "s": share }),
        )
        .await
    }

    /// The answer to asking for a ticket.
    pub async fn ask_ticket(&self, file: &str) -> Answer {
        let query = "query($f: ID!) { downloadTicket(fileId: $f) { url expiresAt } }";
        self.ask_with(query, json!({ "f": file })).await
    }

    /// A ticket's URL, at this person's base.
    pub async fn ticket(&self, file: &str) -> String {
        let url = self.ask_ticket(file).await.text("/downloadTicket/url");
        let (_, ticket) = url.split_once("/download/").unwrap();
        format!("{}/download/{ticket}", self.base)
    }

    /// GET without any credentials but those in the URL.
    pub async fn get(&self, url: &str) -> Download {
        Download::of(Client::new().get(url).send().await.unwrap()).await
    }
}
