//! The hand of the log's thread: writes what is in the queue, and counts what it cannot.

use std::{
    io::{ErrorKind, Write},
    sync::{Condvar, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

use super::{Queue, State};
use crate::{config::LogFormat, metrics};

/// How long lines gather before they are written together: waking the thread for each would cost more than the writing.
const GATHER: Duration = Duration::from_millis(5);
/// Pause before a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Pause before a write that would have blocked is tried again.
const BLOCKED: Duration = Duration::from_millis(10);
/// A queue that has grown larger than this is given back when it is empty.
const KEPT_BYTES: usize = 64 << 10;

/// What writes, and knows what it could not.
pub(super) struct Pen<W> {
    out: W,
    /// Lines that are lost, and of which nothing has been said yet.
    lost: u64,
    /// Whether a line broke off in its middle.
    torn: bool,
}

impl<W: Write> Pen<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            lost: 0,
            torn: false,
        }
    }

    /// Writes what comes, until the queue is closed and empty.
    pub(super) fn write_all_of(&mut self, queue: &Queue) {
        let mut text = Vec::new();
        loop {
            let mut state = queue.lock();
            while state.text.is_empty() && state.lost == 0 && !state.closed {
                if self.lost == 0 {
                    state = wait(&queue.changed, state, Duration::MAX);
                } else {
                    // Even if nothing more is logged: that lines are lost is to be said as soon as it can be.
                    state = wait(&queue.changed, state, RETRY);
                    break;
                }
            }
            if !state.closed {
                drop(state);
                thread::sleep(GATHER);
                state = queue.lock();
            }
            std::mem::swap(&mut state.text, &mut text);
            let behind = std::mem::take(&mut state.lost);
            let (format, closed) = (state.format, state.closed);
            drop(state);
            self.write(&text, behind, format);
            if closed {
                return;
            }
            text.clear();
            text.shrink_to(KEPT_BYTES);
        }
    }

    /// Writes `text`, behind which so many lines were lost.
    fn write(&mut self, text: &[u8], behind: u64, format: LogFormat) {
        self.tell(format);
        let unwritten = match self.lost {
            0 => self.put(text),
            // What could not be said in one line will not be said in more.
            _ => lines(text),
        };
        metrics::dropped(metrics::LOG, unwritten + behind);
        self.lost += unwritten + behind;
        self.tell(format);
    }

    /// Says how many lines were lost, if any were.
    fn tell(&mut self, format: LogFormat) {
        if self.lost > 0 && self.put(lost_line(self.lost, format).as_bytes()) == 0 {
            self.lost = 0;
        }
    }

    /// Writes `text`, and says how many of its lines were lost.
    fn put(&mut self, text: &[u8]) -> u64 {
        if self.torn {
            if self.rest_of(b"\n") > 0 {
                return lines(text);
            }
            self.torn = false;
        }
        let (written, rest) = text.split_at(text.len() - self.rest_of(text));
        self.torn = !rest.is_empty() && written.last().is_some_and(|last| *last != b'\n');
        lines(rest)
    }

    /// Writes what can be written of `text`, and says how many bytes could not be.
    fn rest_of(&mut self, text: &[u8]) -> usize {
        let mut rest = text;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => break,
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody who shares the pipe or terminal may have set it so.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(BLOCKED),
                Err(_) => break,
            }
        }
        rest.len()
    }
}

fn wait<'a>(
    changed: &Condvar,
    state: MutexGuard<'a, State>,
    at_most: Duration,
) -> MutexGuard<'a, State> {
    let woken = changed.wait_timeout(state, at_most);
    woken.unwrap_or_else(PoisonError::into_inner).0
}

fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Not by the formatter, whose filter may leave it out.
fn lost_line(lost: u64, format: LogFormat) -> String {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    match format {
        LogFormat::Text => format!("{time}  WARN cloakroom::log: {lost} log lines were lost\n"),
        LogFormat::Json => {
            let fields = serde_json::json!({
                "timestamp": time,
                "level": "WARN",
                "fields": { "message": format!("{lost} log lines were lost"), "lines": lost },
                "target": "cloakroom::log",
            });
            format!("{fields}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Takes so many bytes, and then fails until there is room again.
    struct Disk {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.taken.extend_from_slice(&bytes[..fits]);
            self.room -= fits;
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn taken(disk: &Disk) -> Vec<String> {
        let text = String::from_utf8(disk.taken.clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_that_broke_off_ends_before_the_next_and_lost_lines_are_counted() {
        let mut disk = Disk {
            taken: Vec::new(),
            room: 9,
        };
        let mut pen = Pen::new(&mut disk);
        pen.write(b"first\nsecond\nthird\n", 2, LogFormat::Text);
        pen.write(b"fourth\n", 0, LogFormat::Text);
        assert_eq!(pen.lost, 5);
        pen.out.room = 1000;
        pen.write(b"fifth\n", 0, LogFormat::Text);
        let lines = taken(&disk);
        assert_eq!(lines[..2], ["first", "sec"]);
        assert!(lines[2].ends_with(" 5 log lines were lost"), "{lines:?}");
        assert_eq!(lines[3..], ["fifth"]);
    }

    #[test]
    fn a_full_queue_loses_lines_rather_than_wait_and_says_so_behind_those_it_has() {
        let queue = Queue::default();
        queue.lock().room = 12;
        for line in ["first\n", "too long\n", "1\n"] {
            (&queue).write_all(line.as_bytes()).unwrap();
        }
        queue.lock().closed = true;
        let mut disk = Disk {
            taken: Vec::new(),
            room: 1000,
        };
        Pen::new(&mut disk).write_all_of(&queue);
        let lines = taken(&disk);
        assert_eq!(lines[0], "first");
        assert!(lines[1].ends_with(" 2 log lines were lost"), "{lines:?}");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn the_line_on_lost_lines_is_json_where_lines_are_json() {
        let line: serde_json::Value = serde_json::from_str(&lost_line(3, LogFormat::Json)).unwrap();
        assert_eq!(line["fields"]["message"], "3 log lines were lost");
    }
}
