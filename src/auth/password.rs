//! Password hashes: argon2id, off the async threads, only so many at once, and each in memory that is there already.
//!
//! Passwords are compared as RFC 8265 prepares them, so that it does not matter how a keyboard spells an `é`.

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use tokio::sync::oneshot;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::{
    config::Secret,
    error::{Error, Result},
    metrics, patience, random,
};

mod turns;

pub use turns::{Begun, Limits, Line};
use turns::{QUEUE, Turns};

/// Verified against when there is no such user, so that both answers take the same time. Its password was random and is
/// forgotten.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$P/tQlekVDaiyJDRqur5evg$\
                     nL/qhZPOJqi0tLyFHTrSa1VvAXcGtpBoaUK0IbW6rHY";

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Hashes and verifies passwords for those who line up. Each run takes 19 MiB and some 30 ms of a processor.
#[derive(Debug)]
pub struct Hasher {
    turns: Arc<Turns<Job>>,
}

/// Somebody who waits for the hasher.
pub type Waiter = turns::Waiter<Job>;

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed with weaker parameters than today's, or not as prepared: hash it again.
    RightButOutdated,
}

impl Hasher {
    /// At most `at_once` passwords are hashed at a time; others wait within `limits`.
    ///
    /// It has threads of its own, which end with it and keep their memory: an allocation a run scatters over the
    /// allocator's arenas, and a rush of sign-ins would leave the process many times as large.
    pub fn new(at_once: usize, limits: Limits) -> Self {
        let turns = Arc::new(Turns::new(limits));
        for _ in 0..at_once {
            let turns = Arc::clone(&turns);
            std::thread::spawn(move || work(&turns));
        }
        Self { turns }
    }

    /// A place at the end of `line`, to be taken before anything else is done for whoever asks: a crowd is refused at no cost.
    ///
    /// `RATE_LIMITED` when the line is full, `UNAVAILABLE` when all lines together are.
    pub fn line_up(&self, line: Line) -> Result<Waiter> {
        let waiter = self.turns.line_up(line);
        metrics::dropped(QUEUE, waiter.is_err().into());
        waiter
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.turns.close();
    }
}

impl Waiter {
    /// A PHC string for `password`, with a fresh salt. `UNAVAILABLE` when its turn does not come in time.
    pub async fn hash(&mut self, password: Secret) -> Result<String> {
        self.run(move |memory| hash(memory, &prepared(password.expose())))
            .await
    }

    /// Compares `password` with `hash`, or with nobody's when there is none. Takes the same time either way.
    ///
    /// `UNAVAILABLE` when its turn does not come in time.
    pub async fn verify(&mut self, password: Secret, hash: Option<String>) -> Result<Verdict> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        self.run(move |memory| {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            let typed = password.expose();
            let prepared = prepared(typed);
            let right = verify(memory, &prepared, &hash)?;
            // A hash may be older than the preparation.
            let as_typed = !right && prepared != typed && verify(memory, typed, &hash)?;
            Ok(match known && (right || as_typed) {
                false => Verdict::Wrong,
                true if as_typed || is_weak(&hash) => Verdict::RightButOutdated,
                true => Verdict::Right,
            })
        })
        .await
    }

    /// Does `work` when its turn comes, unless whoever waits for it has gone by then.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = oneshot::channel();
        let begun = self.begun();
        self.ask(Box::new(move |memory| {
            begun.store(true, Ordering::Release);
            if !answer.is_closed() {
                let _ = answer.send(work(memory));
            }
        }));
        match patience::wait(result).await {
            // A job that nobody takes is dropped, and the answer's end with it.
            Ok(result) => result.map_err(Error::internal)?,
            Err(out_of_patience) => {
                self.withdraw();
                Err(out_of_patience)
            }
        }
    }
}

/// `password` as it is hashed and counted: in normalisation form C, every space an ASCII one (RFC 8265 §4.2.2).
///
/// Nothing is refused for its characters, which that profile allows a server to do.
pub fn prepared(password: &str) -> Cow<'_, str> {
    if !password.contains(is_other_space) && is_nfc(password) {
        return Cow::Borrowed(password);
    }
    let spaced = password.chars().map(|c| match is_other_space(c) {
        true => ' ',
        false => c,
    });
    Cow::Owned(spaced.nfc().collect())
}

/// Whether `c` is of Unicode's category Zs, and not the space of ASCII.
fn is_other_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Does the jobs whose turn it is, until there can be no more.
fn work(turns: &Turns<Job>) {
    let mut memory = Memory::default();
    while let Some(job) = turns.next() {
        // Whoever waits for it learns of a panic by the answer's end going away.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
}

/// What argon2 computes in, kept from one run to the next.
#[derive(Default)]
pub struct Memory(Vec<Block>);

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
    let salt = random::bytes::<{ Salt::RECOMMENDED_LENGTH }>();
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::error::Code;

    fn hasher() -> Hasher {
        let limits = Limits {
            in_line: 10,
            in_all: 10,
        };
        Hasher::new(1, limits)
    }

    /// Keeps the only thread busy until the sender is dropped.
    fn occupy(hasher: &Hasher) -> (Waiter, mpsc::Sender<()>) {
        let waiter = hasher.line_up(Line::Operator).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        waiter.ask(Box::new(move |_| {
            started.send(()).unwrap();
            let _ = released.recv();
        }));
        starts.recv().unwrap();
        (waiter, release)
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_so_and_not_served_later() {
        let hasher = hasher();
        let (_waiter, release) = occupy(&hasher);
        let mut waiter = hasher.line_up(Line::Operator).unwrap();
        let (ran, runs) = mpsc::channel();
        let late = waiter.run(move |_| Ok(ran.send(()).is_ok()));
        let late = patience::within(Duration::from_millis(20), late).await;
        assert_eq!(late.unwrap_err().code, Code::Unavailable);
        drop(release);
        // The job is gone with all that it held.
        assert_eq!(runs.recv(), Err(mpsc::RecvError));
    }

    #[tokio::test]
    async fn who_has_hung_up_is_not_served() {
        let hasher = hasher();
        let (_waiter, release) = occupy(&hasher);
        let mut waiter = hasher.line_up(Line::Operator).unwrap();
        let (ran, runs) = mpsc::channel();
        let request = tokio::spawn(async move {
            let _ = waiter.run(move |_| Ok(ran.send(()).is_ok())).await;
        });
        tokio::task::yield_now().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        drop(release);
        assert_eq!(runs.recv(), Err(mpsc::RecvError));
    }

    #[tokio::test]
    async fn who_has_had_a_turn_has_begun_and_who_waits_has_not() {
        let hasher = hasher();
        let (release, released) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let [mut first, mut second] = [(), ()].map(|()| hasher.line_up(Line::Operator).unwrap());
        let begun = [first.begun(), second.begun()];
        let has_begun = || begun.each_ref().map(|begun| begun.load(Ordering::Acquire));
        assert_eq!(has_begun(), [false, false]);
        let first = tokio::spawn(async move {
            let work = move |_: &mut Memory| Ok((started.send(()), released.recv()));
            first.run(work).await
        });
        let starts = tokio::task::spawn_blocking(move || starts.recv());
        starts.await.unwrap().unwrap();
        let second = tokio::spawn(async move { second.run(|_| Ok(())).await });
        tokio::task::yield_now().await;
        assert_eq!(has_begun(), [true, false]);
        drop(release);
        first.await.unwrap().unwrap().0.unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(has_begun(), [true, true]);
    }

    #[test]
    fn passwords_are_prepared_as_rfc_8265_says() {
        for (typed, expected) in [
            ("correct horse", "correct horse"),
            ("Stra\u{df}e 1", "Stra\u{df}e 1"),
            ("e\u{301}te\u{301}", "\u{e9}t\u{e9}"),
            ("\u{212b}ngstr\u{f6}m", "\u{c5}ngstr\u{f6}m"),
            (
                "no\u{a0}break\u{3000}wide\u{2009}thin",
                "no break wide thin",
            ),
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            // Compatibility forms, cases, joiners and controls stay.
            (
                "\u{fb01} \u{ff21} \u{200d}\t",
                "\u{fb01} \u{ff21} \u{200d}\t",
            ),
        ] {
            assert_eq!(prepared(typed), expected, "{typed:?}");
            assert_eq!(prepared(&prepared(typed)), expected, "{typed:?}");
        }
    }
}
