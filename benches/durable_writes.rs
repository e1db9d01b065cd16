//! What the disk allows: `durable_writes DIRECTORY SECONDS THREADS BYTES` writes small files, an fsync each, and prints
//! how many it wrote in a second.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: durable_writes DIRECTORY SECONDS THREADS BYTES";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let directory = PathBuf::from(next()?);
    let life = Duration::from_secs(next()?.parse()?);
    let threads: u32 = next()?.parse()?;
    let bytes = vec![b'x'; next()?.parse()?];

    let began = Instant::now();
    let written = thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|writer| {
                let (directory, bytes) = (&directory, &bytes);
                scope.spawn(move || write_files(directory, writer, bytes, began + life))
            })
            .collect();
        let counts = writers.into_iter().map(|writer| {
            writer
                .join()
                .unwrap_or_else(|_panic| Err(io::Error::other("a writer panicked")))
        });
        counts.sum::<io::Result<u32>>()
    })?;
    println!("{:.1}", f64::from(written) / began.elapsed().as_secs_f64());
    Ok(())
}

fn write_files(directory: &Path, writer: u32, bytes: &[u8], until: Instant) -> io::Result<u32> {
    let mut written = 0;
    while Instant::now() < until {
        let mut file = File::create_new(directory.join(format!("{writer}-{written}")))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        written += 1;
    }
    Ok(written)
}
