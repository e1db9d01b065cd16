//! Whose content is looked at next. Files that keep a scanner busy for minutes hold up those who left them, and not everybody.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Scans at once; others wait. Clamd has ten threads, and refuses those for whom it has no room.
const AT_ONCE: usize = 8;
/// Of these, what strangers may take by drops, all together.
const OF_STRANGERS: usize = 4;
/// Of these, what one line may take.
const OF_LINE: usize = 2;

/// Whose content waits together: a file waits for the files before it in its line, and no line takes all turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// What one account uploads.
    Account(Uuid),
    /// What strangers leave in one drop.
    Drop(Uuid),
    /// Whoever types commands at the server.
    Operator,
}

struct Turns {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// Those in which somebody is.
    lines: Mutex<HashMap<Line, Arc<Semaphore>>>,
}

static TURNS: LazyLock<Turns> = LazyLock::new(|| Turns {
    all: Arc::new(Semaphore::new(AT_ONCE)),
    strangers: Arc::new(Semaphore::new(OF_STRANGERS)),
    lines: Mutex::default(),
});

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permits: Vec<OwnedSemaphorePermit>,
}

/// Waits for a turn. First for one of the line's own, so that behind all the others no line has more than that.
pub async fn turn(line: Line) -> Turn {
    let mut semaphores = vec![TURNS.line(line)];
    if let Line::Drop(_) = line {
        semaphores.push(Arc::clone(&TURNS.strangers));
    }
    semaphores.push(Arc::clone(&TURNS.all));
    let mut permits = Vec::with_capacity(semaphores.len());
    for semaphore in semaphores {
        // None is ever closed.
        permits.extend(semaphore.acquire_owned().await);
    }
    Turn { _permits: permits }
}

impl Turns {
    fn line(&self, line: Line) -> Arc<Semaphore> {
        // The map stays true whatever panicked while holding it.
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, turns| Arc::strong_count(turns) > 1);
        let turns = lines.entry(line);
        Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(OF_LINE))))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn no_line_takes_all_turns_and_strangers_take_half() {
        let [alice, bob] = [1, 2].map(|id| Line::Account(Uuid::from_u128(id)));
        let held = [turn(alice).await, turn(alice).await];
        assert!(turn(alice).now_or_never().is_none(), "a third of one line");
        let mut strangers = Vec::new();
        for id in 10..20 {
            strangers.extend(turn(Line::Drop(Uuid::from_u128(id))).now_or_never());
        }
        assert_eq!(strangers.len(), OF_STRANGERS);
        let others = [turn(bob).now_or_never(), turn(bob).now_or_never()];
        assert!(others.iter().all(Option::is_some));
        drop(held);
        assert!(turn(alice).now_or_never().is_some());
        drop((strangers, others));
        assert_eq!(TURNS.all.available_permits(), AT_ONCE);
        assert!(TURNS.line(bob).available_permits() == OF_LINE);
        assert_eq!(
            TURNS.lines.lock().unwrap().len(),
            1,
            "empty lines are forgotten"
        );
    }
}
