//! A disk that keeps what was synced, and of the rest whatever it likes: a model, fed with the calls of a trace.
//!
//! It is as unkind as POSIX allows. Syncing a file makes its bytes durable and not its name; syncing a directory makes its
//! entries durable and not what they name; a rename between two directories is two changes; and of changes that nobody
//! synced any may survive without the others, in part or not at all.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::trace::{Act, Call};
use crate::faults::random::Random;

/// What a disk writes at once.
const SECTORS: [usize; 2] = [512, 4096];
const ROOT: usize = 0;

type Bytes = Vec<u8>;
type Entries = BTreeMap<String, usize>;

/// A directory tree and what is durable of it.
pub struct Disk {
    nodes: Vec<Node>,
    /// The node and the position of each descriptor.
    open: HashMap<u32, (usize, usize)>,
    /// How many calls it took so far, and how many of them from earlier lives of the server.
    calls: usize,
    before: usize,
}

enum Node {
    File(Layered<Bytes, Write>),
    Directory(Layered<Entries, Entry>),
}

/// What is there, what of it is durable, and the changes between the two, each with the number of its call.
struct Layered<S, C> {
    live: S,
    durable: S,
    pending: Vec<(usize, C)>,
}

/// The file's bytes from `offset` on, or its length, which is then `offset`.
enum Write {
    Bytes(usize, Bytes),
    Length(usize),
}

/// What a name stands for from now on.
struct Entry(String, Option<usize>);

/// What becomes of the changes that nobody synced.
pub enum Fate<'r> {
    /// None survives.
    Lost,
    /// All do, as when only the process is killed.
    Kept,
    /// Some do, and some in part.
    Drawn(&'r mut Random),
}

impl Disk {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::Directory(Layered::default())],
            open: HashMap::new(),
            calls: 0,
            before: 0,
        }
    }

    /// The server is started again, and its trace anew. The machine was never off, so nothing is lost.
    pub fn restart(&mut self) {
        self.open.clear();
        self.before = self.calls;
    }

    /// Takes the next call of a trace.
    pub fn take(&mut self, call: &Call) {
        match &call.act {
            Act::Open {
                fd,
                path,
                creates,
                truncates,
                is_unnamed,
            } => {
                let found = if *is_unnamed { None } else { self.find(path) };
                let node = found.or_else(|| (*creates || *is_unnamed).then(|| self.file()));
                let node = node.unwrap_or_else(|| panic!("{path} was opened and is not there"));
                if *creates && found.is_none() {
                    self.name(path, Some(node));
                }
                if *truncates {
                    self.write(node, Write::Length(0));
                }
                self.open.insert(*fd, (node, 0));
            }
            Act::Write { fd, offset, bytes } => {
                let (node, position) = self.open.get_mut(fd).unwrap();
                let (node, at) = (*node, offset.unwrap_or(*position));
                if offset.is_none() {
                    *position += bytes.len();
                }
                self.write(node, Write::Bytes(at, bytes.clone()));
            }
            Act::Truncate { fd, length } => {
                let (node, _) = self.open[fd];
                self.write(node, Write::Length(*length));
            }
            Act::Seek { fd, position } => {
                // Of no matter where it was only read.
                if let Some((_, at)) = self.open.get_mut(fd) {
                    *at = *position;
                }
            }
            Act::Sync { fd } => {
                let (node, _) = self.open[fd];
                match &mut self.nodes[node] {
                    Node::File(file) => file.sync(self.before + call.seen),
                    Node::Directory(directory) => directory.sync(self.before + call.seen),
                }
            }
            Act::MakeDirectory(path) => {
                self.nodes.push(Node::Directory(Layered::default()));
                self.name(path, Some(self.nodes.len() - 1));
            }
            Act::Link { from, to } => self.name(to, self.find(from)),
            Act::Rename { from, to } => {
                let node = self.find(from);
                self.name(to, node);
                self.name(from, None);
            }
            Act::Remove(path) => self.name(path, None),
        }
        self.calls += 1;
    }

    /// How many changes are not durable.
    pub fn pending(&self) -> usize {
        let pending = self.nodes.iter().map(|node| match node {
            Node::File(file) => file.pending.len(),
            Node::Directory(directory) => directory.pending.len(),
        });
        pending.sum()
    }

    /// The disk that is found after a power loss, made in the empty directory `to`.
    pub fn write_to(&self, to: &Path, fate: &mut Fate) {
        self.write_directory(ROOT, to, fate, &mut HashMap::new());
    }

    fn write_directory(
        &self,
        node: usize,
        to: &Path,
        fate: &mut Fate,
        written: &mut HashMap<usize, std::path::PathBuf>,
    ) {
        let Node::Directory(directory) = &self.nodes[node] else {
            unreachable!("a directory stays one")
        };
        for (name, node) in directory.survivor(fate) {
            let path = to.join(name);
            match (&self.nodes[node], written.get(&node)) {
                (Node::Directory(_), _) => {
                    fs::create_dir(&path).unwrap();
                    self.write_directory(node, &path, fate, written);
                }
                (Node::File(_), Some(other)) => fs::hard_link(other, path).unwrap(),
                (Node::File(file), None) => {
                    fs::write(&path, file.survivor(fate)).unwrap();
                    // The trace does not tell modes, and the server does not start with open files.
                    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
                    written.insert(node, path);
                }
            }
        }
    }

    fn file(&mut self) -> usize {
        self.nodes.push(Node::File(Layered::default()));
        self.nodes.len() - 1
    }

    fn write(&mut self, node: usize, write: Write) {
        match &mut self.nodes[node] {
            Node::File(file) => file.change(self.calls, write),
            Node::Directory(_) => panic!("bytes were written to a directory"),
        }
    }

    fn find(&self, path: &str) -> Option<usize> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(ROOT, |node, name| match &self.nodes[node] {
            Node::Directory(directory) => directory.live.get(name).copied(),
            Node::File(_) => None,
        })
    }

    /// Has `path` stand for `node`, or for nothing.
    fn name(&mut self, path: &str, node: Option<usize>) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.find(parent).unwrap();
        match &mut self.nodes[parent] {
            Node::Directory(directory) => {
                directory.change(self.calls, Entry(name.to_owned(), node))
            }
            Node::File(_) => panic!("{parent} is no directory"),
        }
    }
}

impl<S: Default, C> Default for Layered<S, C> {
    fn default() -> Self {
        Self {
            live: S::default(),
            durable: S::default(),
            pending: Vec::new(),
        }
    }
}

impl<S: Clone, C: Change<S>> Layered<S, C> {
    fn change(&mut self, call: usize, change: C) {
        change.apply(&mut self.live);
        self.pending.push((call, change));
    }

    /// Makes durable what was there when the call to sync began.
    fn sync(&mut self, seen: usize) {
        let later = self.pending.iter().position(|(call, _)| *call >= seen);
        let durable = &mut self.durable;
        for (_, change) in self.pending.drain(..later.unwrap_or(self.pending.len())) {
            change.apply(durable);
        }
    }

    fn survivor(&self, fate: &mut Fate) -> S {
        let random = match fate {
            Fate::Lost => return self.durable.clone(),
            Fate::Kept => return self.live.clone(),
            Fate::Drawn(random) => random,
        };
        let mut survivor = self.durable.clone();
        // How kind this disk is to this node: from nothing survives to everything does.
        let kindness = random.below(5);
        for (_, change) in &self.pending {
            if random.below(4) < kindness {
                change.apply(&mut survivor);
            } else if random.below(3) == 0 {
                change.apply_in_part(&mut survivor, random);
            }
        }
        survivor
    }
}

trait Change<S> {
    fn apply(&self, to: &mut S);

    /// As a disk does that loses power meanwhile; not at all, where that is one step.
    fn apply_in_part(&self, _to: &mut S, _random: &mut Random) {}
}

impl Change<Entries> for Entry {
    fn apply(&self, entries: &mut Entries) {
        match self.1 {
            Some(node) => entries.insert(self.0.clone(), node),
            None => entries.remove(&self.0),
        };
    }
}

impl Change<Bytes> for Write {
    fn apply(&self, file: &mut Bytes) {
        match self {
            Self::Length(length) => file.resize(*length, 0),
            Self::Bytes(offset, bytes) => {
                let end = offset + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*offset..end].copy_from_slice(bytes);
            }
        }
    }

    /// Some of its sectors, and the length perhaps without any: what is missing then reads as zeros.
    fn apply_in_part(&self, file: &mut Bytes, random: &mut Random) {
        let Self::Bytes(offset, bytes) = self else {
            return;
        };
        let end = offset + bytes.len();
        if random.below(2) == 0 {
            file.resize(file.len().max(end), 0);
        }
        let sector = SECTORS[random.below(2) as usize];
        let mut from = *offset;
        while from < end {
            let to = end.min((from / sector + 1) * sector);
            if random.below(2) == 0 {
                file.resize(file.len().max(to), 0);
                file[from..to].copy_from_slice(&bytes[from - offset..to - offset]);
            }
            from = to;
        }
    }
}
