//! Password hashes: argon2id, off the async threads, and only so many at once.

use std::sync::Arc;

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{
    config::Secret,
    error::{Error, Result},
};

/// Verified against when there is no such user, so that both answers take the same time. Its password was random and is
/// forgotten.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$P/tQlekVDaiyJDRqur5evg$\
                     nL/qhZPOJqi0tLyFHTrSa1VvAXcGtpBoaUK0IbW6rHY";

/// Hashes and verifies passwords. Each run takes 19 MiB and some 30 ms of a processor.
#[derive(Clone, Debug)]
pub struct Hasher {
    permits: Arc<Semaphore>,
}

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed with weaker parameters than today's: hash it again.
    RightButWeak,
}

impl Hasher {
    /// At most `at_once` passwords are hashed at a time; others wait.
    pub fn new(at_once: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// A PHC string for `password`, with a fresh salt.
    pub async fn hash(&self, password: Secret) -> Result<String> {
        self.run(move || {
            Argon2::default()
                .hash_password(password.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(Error::internal)
        })
        .await
    }

    /// Compares `password` with `hash`, or with nobody's when there is none. Takes the same time either way.
    pub async fn verify(&self, password: Secret, hash: Option<String>) -> Result<Verdict> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            let right = Argon2::default()
                .verify_password(password.expose().as_bytes(), &hash)
                .is_ok();
            Ok(match (known && right, is_weak(&hash)) {
                (false, _) => Verdict::Wrong,
                (true, false) => Verdict::Right,
                (true, true) => Verdict::RightButWeak,
            })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        done.await.map_err(Error::internal)?
    }
}

fn is_weak(hash: &PasswordHash) -> bool {
    Params::try_from(hash).map_or(true, |params| {
        hash.algorithm.as_str() != "argon2id"
            || params.m_cost() < Params::DEFAULT_M_COST
            || params.t_cost() < Params::DEFAULT_T_COST
    })
}
