//! What the disk allows: `durable_writes DIRECTORY FILES THREADS BYTES` writes small files, an fsync each, and prints
//! how many it wrote in a second. With `as-content` behind it, each is then renamed to a place of its own two directories
//! down, as Cloakroom keeps content, and the directories are synced.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

const USAGE: &str = "usage: durable_writes DIRECTORY FILES THREADS BYTES [as-content]";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let directory = PathBuf::from(next()?);
    let files: u32 = next()?.parse()?;
    let threads: u32 = next()?.parse()?;
    let bytes = vec![b'x'; next()?.parse()?];
    let as_content = next().is_ok_and(|word| word == "as-content");

    let began = Instant::now();
    let started = AtomicU32::new(0);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| write_files(&directory, &bytes, &started, files, as_content)))
            .collect();
        writers.into_iter().try_for_each(|writer| {
            writer
                .join()
                .unwrap_or_else(|_panic| Err(io::Error::other("a writer panicked")))
        })
    })?;
    println!("{:.1}", f64::from(files) / began.elapsed().as_secs_f64());
    Ok(())
}

/// One file after another, as many as all writers together are to write.
fn write_files(
    directory: &Path,
    bytes: &[u8],
    started: &AtomicU32,
    files: u32,
    as_content: bool,
) -> io::Result<()> {
    loop {
        let number = started.fetch_add(1, Ordering::Relaxed);
        if number >= files {
            return Ok(());
        }
        let path = directory.join(format!("{number}.new"));
        let mut file = File::create_new(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if as_content {
            keep(directory, &path, number)?;
        }
    }
}

fn keep(directory: &Path, path: &Path, number: u32) -> io::Result<()> {
    // Spread as random keys are.
    let key = format!("{:08x}", number.wrapping_mul(0x9e37_79b9));
    let outer = directory.join(&key[..2]);
    let inner = outer.join(&key[2..4]);
    fs::create_dir_all(&inner)?;
    File::open(outer)?.sync_all()?;
    fs::rename(path, inner.join(key))?;
    File::open(inner)?.sync_all()
}
