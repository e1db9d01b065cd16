//! Password hashes: argon2id, off the async threads, only so many at once, and each in memory that is there already.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::Secret,
    error::{Error, Result},
    keys,
};

/// Verified against when there is no such user, so that both answers take the same time. Its password was random and is
/// forgotten.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$P/tQlekVDaiyJDRqur5evg$\
                     nL/qhZPOJqi0tLyFHTrSa1VvAXcGtpBoaUK0IbW6rHY";

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Hashes and verifies passwords. Each run takes 19 MiB and some 30 ms of a processor.
#[derive(Clone, Debug)]
pub struct Hasher {
    permits: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
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
    ///
    /// It has threads of its own, which end with it and keep their memory: an allocation a run scatters over the
    /// allocator's arenas, and a rush of sign-ins would leave the process many times as large.
    pub fn new(at_once: usize) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..at_once {
            let waiting = Arc::clone(&waiting);
            std::thread::spawn(move || work(&waiting));
        }
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
            jobs,
        }
    }

    /// A PHC string for `password`, with a fresh salt.
    pub async fn hash(&self, password: Secret) -> Result<String> {
        self.run(move |memory| hash(memory, password.expose()))
            .await
    }

    /// Compares `password` with `hash`, or with nobody's when there is none. Takes the same time either way.
    pub async fn verify(&self, password: Secret, hash: Option<String>) -> Result<Verdict> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        self.run(move |memory| {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            let right = verify(memory, password.expose(), &hash)?;
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
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            let result = work(memory);
            drop(permit);
            let _ = answer.send(result);
        });
        // A job that nobody takes is dropped, and the answer's end with it.
        let _ = self.jobs.send(job);
        result.await.map_err(Error::internal)?
    }
}

/// Does the jobs that come, until there can be no more.
fn work(waiting: &Mutex<mpsc::Receiver<Job>>) {
    let mut memory = Memory::default();
    loop {
        let job = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = job else { return };
        // Whoever waits for it learns of a panic by the answer's end going away.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
}

/// What argon2 computes in, kept from one run to the next.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn compute(
        &mut self,
        argon2: &Argon2,
        password: &str,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        argon2
            .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut self.0[..blocks])
            .map_err(Error::internal)
    }
}

fn hash(memory: &mut Memory, password: &str) -> Result<String> {
    let salt = keys::random::<{ Salt::RECOMMENDED_LENGTH }>();
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let argon2 = Argon2::default();
    memory.compute(&argon2, password, &salt, &mut out)?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params()).map_err(Error::internal)?,
        salt: Some(Salt::new(&salt).map_err(Error::internal)?),
        hash: Some(Output::new(&out).map_err(Error::internal)?),
    };
    Ok(hash.to_string())
}

/// Whether `password` is the one of `hash`, whatever its parameters. The comparison takes constant time.
fn verify(memory: &mut Memory, password: &str, hash: &PasswordHash) -> Result<bool> {
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        return Err(Error::internal("a password hash without salt or hash"));
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(Error::internal)?;
    let version = hash.version.map(Version::try_from).transpose();
    let version = version.map_err(Error::internal)?.unwrap_or_default();
    let params = Params::try_from(hash).map_err(Error::internal)?;
    let mut out = vec![0; expected.as_bytes().len()];
    let argon2 = Argon2::new(algorithm, version, params);
    memory.compute(&argon2, password, salt, &mut out)?;
    Ok(Output::new(&out).map_err(Error::internal)? == *expected)
}

fn is_weak(hash: &PasswordHash) -> bool {
    Params::try_from(hash).map_or(true, |params| {
        hash.algorithm.as_str() != "argon2id"
            || params.m_cost() < Params::DEFAULT_M_COST
            || params.t_cost() < Params::DEFAULT_T_COST
    })
}
