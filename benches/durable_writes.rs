//! What the disk allows: `durable_writes DIRECTORY FILES THREADS BYTES` writes small files, an fsync each, and prints
//! how many it wrote in a second.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

const USAGE: &str = "usage: durable_writes DIRECTORY FILES THREADS BYTES";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let directory = PathBuf::from(next()?);
    let files: u32 = next()?.parse()?;
    let threads: u32 = next()?.parse()?;
    let bytes = vec![b'x'; next()?.parse()?];

    let began = Instant::now();
    let started = AtomicU32::new(0);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| write_files(&directory, &bytes, &started, files)))
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
fn write_files(directory: &Path, bytes: &[u8], started: &AtomicU32, files: u32) -> io::Result<()> {
    loop {
        let number = started.fetch_add(1, Ordering::Relaxed);
        if number >= files {
            return Ok(());
        }
        let mut file = File::create_new(directory.join(number.to_string()))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
}
