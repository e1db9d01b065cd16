//! What a server did to its disk, call by call, as `strace` tells it.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The calls that change a disk or make a change durable. A `?` is for what some machines do not have.
const CALLS: &str = "trace=lseek,openat,?open,?creat,write,pwrite64,writev,pwritev,?pwritev2,truncate,ftruncate,fallocate,\
    copy_file_range,sendfile,splice,fsync,fdatasync,sync_file_range,sync,syncfs,msync,?rename,renameat,renameat2,?link,\
    linkat,?symlink,symlinkat,?unlink,unlinkat,?mkdir,mkdirat,?rmdir,dup,?dup2,dup3";

/// The command that runs another and writes what [`calls`] reads to `trace`: strings in hexadecimal and in full, what each
/// file descriptor stands for, and microseconds.
pub fn command(trace: &str) -> Vec<String> {
    let fixed = "strace -f -y -xx -ttt -s 16777216 -e signal=SIGSTOP -e";
    let mut command: Vec<_> = fixed.split(' ').map(str::to_owned).collect();
    command.extend([CALLS, "-o", trace].map(str::to_owned));
    command
}

/// What has it stop the program instead of a thread's sync, the `count`th, so that this never comes.
pub fn stop_at_sync(count: u64) -> [String; 2] {
    let what = format!("inject=fsync,fdatasync:error=EIO:signal=SIGSTOP:when={count}");
    ["-e".to_owned(), what]
}

/// A call that succeeded. Calls are in the order in which they returned.
#[derive(Debug)]
pub struct Call {
    /// Not before the calls that are listed before it had returned, and not after its own return.
    pub at: SystemTime,
    /// How many calls had returned when this one began: what it can have seen.
    pub seen: usize,
    pub act: Act,
}

/// Paths are relative to the disk's root.
#[derive(Debug)]
pub enum Act {
    Open {
        fd: u32,
        path: String,
        /// It makes the file when there is none.
        creates: bool,
        truncates: bool,
        /// The file has no name, and so does not outlive the process.
        is_unnamed: bool,
    },
    Write {
        fd: u32,
        /// Behind what the descriptor wrote before, if it does not say where.
        offset: Option<usize>,
        bytes: Vec<u8>,
    },
    Truncate {
        fd: u32,
        length: usize,
    },
    /// Where the descriptor goes on.
    Seek {
        fd: u32,
        position: usize,
    },
    Sync {
        fd: u32,
    },
    MakeDirectory(String),
    Link {
        from: String,
        to: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove(String),
}

/// What a trace tells of the disk below `root`. Panics at a call on it that this does not know.
pub fn calls(trace: &str, root: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut begun: HashMap<&str, (usize, String)> = HashMap::new();
    for line in trace.lines() {
        let Some((thread, line)) = line.split_once(' ') else {
            continue;
        };
        let (time, text) = line.trim_start().split_once(' ').unwrap();
        let (seen, text) = if let Some(head) = text.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (calls.len(), head.to_owned()));
            continue;
        } else if let Some((_, tail)) = text.split_once(" resumed>") {
            let (seen, head) = begun.remove(thread).unwrap();
            (seen, head + tail)
        } else {
            (calls.len(), text.to_owned())
        };
        if let Some(act) = act(&text, root) {
            let at = UNIX_EPOCH + Duration::from_micros(time.replace('.', "").parse().unwrap());
            calls.push(Call { at, seen, act });
        }
    }
    calls
}

fn act(text: &str, root: &str) -> Option<Act> {
    let (call, result) = text.rsplit_once(" = ")?;
    if result.starts_with(['-', '?']) {
        return None;
    }
    let (name, arguments) = call.split_once('(')?;
    let descriptor = || on_disk(arguments, root);
    let mut paths = strings(arguments).map(|path| below(&unescape(path), root));
    let act = match name {
        "openat" | "open" => Act::Open {
            fd: number(result),
            path: paths.next()??,
            creates: arguments.contains("O_CREAT"),
            truncates: arguments.contains("O_TRUNC"),
            is_unnamed: arguments.contains("O_TMPFILE"),
        },
        "write" | "pwrite64" => {
            let fd = descriptor()?;
            let mut bytes = unescape(strings(arguments).next().unwrap());
            // Less than it was asked for, perhaps.
            bytes.truncate(number(result) as usize);
            let last = || arguments.trim_end_matches(')').rsplit(", ").next().unwrap();
            let offset = (name == "pwrite64").then(|| last().parse().unwrap());
            Act::Write { fd, offset, bytes }
        }
        "ftruncate" => Act::Truncate {
            fd: descriptor()?,
            length: number(arguments.rsplit(", ").next().unwrap()) as usize,
        },
        "lseek" => Act::Seek {
            fd: descriptor()?,
            position: number(result) as usize,
        },
        "fsync" | "fdatasync" => Act::Sync { fd: descriptor()? },
        "mkdir" | "mkdirat" => Act::MakeDirectory(paths.next()??),
        "link" | "linkat" => Act::Link {
            from: paths.next()??,
            to: paths.next()??,
        },
        "rename" | "renameat" | "renameat2" => Act::Rename {
            from: paths.next()??,
            to: paths.next()??,
        },
        "unlink" | "unlinkat" | "rmdir" => Act::Remove(paths.next()??),
        _ => {
            let touches_disk = descriptor().is_some() || paths.any(|path| path.is_some());
            assert!(!touches_disk, "the model does not know this call: {text}");
            return None;
        }
    };
    Some(act)
}

/// The first argument, if it is the descriptor of a file below `root`.
fn on_disk(arguments: &str, root: &str) -> Option<u32> {
    let (fd, rest) = arguments.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    below(&unescape(path), root)?;
    fd.parse().ok()
}

/// `path` relative to `root`, if it is there.
fn below(path: &[u8], root: &str) -> Option<String> {
    let path = path.strip_prefix(root.as_bytes())?;
    match path {
        [] => Some(String::new()),
        [b'/', path @ ..] => Some(String::from_utf8(path.to_vec()).unwrap()),
        _ => None,
    }
}

/// What stands in quotes. Being hexadecimal, it holds none.
fn strings(arguments: &str) -> impl Iterator<Item = &str> {
    arguments.split('"').skip(1).step_by(2)
}

fn unescape(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte - b'a' + 10,
    };
    let escapes = text.as_bytes().chunks_exact(4);
    escapes
        .map(|escape| digit(escape[2]) << 4 | digit(escape[3]))
        .collect()
}

/// The number that `text` begins with.
fn number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().unwrap()
}
