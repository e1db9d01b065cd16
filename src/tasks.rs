//! The tasks that everybody leans on: one that panics, or ends otherwise than by itself, is started again.
//!
//! docs/operation.md lists them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::{AbortHandle, JoinHandle};

/// Between two starts of a task that ends at once, so that it leaves the processor to others.
const PAUSE: Duration = Duration::from_secs(1);

/// What keeps tasks going, and knows them; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    started: u64,
    running: HashMap<u64, (&'static str, AbortHandle)>,
    signs: BTreeMap<&'static str, Sign>,
}

/// A task's last sign of life, and how soon another has to follow.
#[derive(Debug)]
struct Sign {
    seen: Instant,
    within: Duration,
}

/// A task that ends with whoever keeps it going.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tasks {
    /// Starts the task that `begin` makes, and again whenever it ends otherwise than by itself. Aborting what this returns
    /// ends the task as well; dropping it does not.
    pub fn keep<B, F>(&self, name: &'static str, begin: B) -> JoinHandle<()>
    where
        B: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send,
    {
        let (tasks, begin) = (self.clone(), Arc::new(begin));
        tokio::spawn(async move {
            loop {
                let (began, begin) = (Instant::now(), Arc::clone(&begin));
                // A panic of `begin` is the task's as well.
                let mut task = Running(tokio::spawn(async move { begin().await }));
                let number = tasks.note(name, task.0.abort_handle());
                let ended = (&mut task.0).await;
                tasks.lock().running.remove(&number);
                let Err(why) = ended else { return };
                tracing::error!(task = name, %why, "a task has ended and is started again");
                if began.elapsed() < PAUSE {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        })
    }

    /// Takes the task for stuck from now on, whenever [`Self::alive`] is not called for so long.
    pub fn expect(&self, name: &'static str, within: Duration) {
        let sign = Sign {
            seen: Instant::now(),
            within,
        };
        // Starting again and again is no sign of life.
        self.lock().signs.entry(name).or_insert(sign);
    }

    /// A sign of life of the task.
    pub fn alive(&self, name: &'static str) {
        if let Some(sign) = self.lock().signs.get_mut(name) {
            sign.seen = Instant::now();
        }
    }

    /// The tasks that were silent for too long.
    pub fn silent(&self) -> Vec<&'static str> {
        let known = self.lock();
        let silent = known.signs.iter();
        let silent = silent.filter(|(_, sign)| sign.seen.elapsed() > sign.within);
        silent.map(|(name, _)| *name).collect()
    }

    /// The names of the tasks that run, each once.
    pub fn names(&self) -> Vec<&'static str> {
        let known = self.lock();
        let mut names: Vec<_> = known.running.values().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Ends the tasks of this name where they stand, as a panic would; for tests.
    #[doc(hidden)]
    pub fn strike(&self, name: &str) {
        let known = self.lock();
        let struck = known
            .running
            .values()
            .filter(|(running, _)| *running == name);
        struck.for_each(|(_, task)| task.abort());
    }

    fn note(&self, name: &'static str, task: AbortHandle) -> u64 {
        let mut known = self.lock();
        known.started += 1;
        let number = known.started;
        known.running.insert(number, (name, task));
        number
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Each entry is whole, whatever panicked while holding them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_runs_again_and_one_that_is_done_does_not() {
        let (tasks, runs) = (Tasks::default(), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&runs);
        let kept = tasks.keep("test", move || {
            let run = count.fetch_add(1, Ordering::Relaxed);
            async move { assert!(run > 0, "the first run panics") }
        });
        kept.await.unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        assert!(tasks.names().is_empty());
    }

    #[tokio::test]
    async fn whoever_is_told_to_end_ends_the_task_as_well() {
        let tasks = Tasks::default();
        let (held, ended) = tokio::sync::oneshot::channel::<()>();
        let held = Arc::new(Mutex::new(Some(held)));
        let kept = tasks.keep("test", move || {
            let held = held.lock().unwrap().take();
            async move {
                let _held = held;
                std::future::pending().await
            }
        });
        while tasks.names().is_empty() {
            tokio::task::yield_now().await;
        }
        kept.abort();
        assert!(ended.await.is_err(), "what the task held is let go");
    }

    #[test]
    fn a_task_without_a_sign_of_life_is_named_until_it_gives_one() {
        let tasks = Tasks::default();
        tasks.expect("quick", Duration::ZERO);
        tasks.expect("slow", Duration::from_secs(3600));
        std::thread::sleep(Duration::from_millis(1));
        tasks.expect("quick", Duration::from_secs(3600));
        assert_eq!(tasks.silent(), ["quick"], "it began anew, and did nothing");
    }
}
