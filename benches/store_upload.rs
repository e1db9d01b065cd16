//! What an upload to an object store takes by itself: `store_upload FILE` sends the file by the client that Cloakroom has, with
//! the settings of the environment, prints how many bytes it sent in a second, and removes the object again. Nothing is asked,
//! hashed as a whole, or written to a database.

use std::{fs::File, io::Read, time::Instant};

use bytes::Bytes;
use clap::Parser;
use cloakroom::{
    config::Options,
    storage::{ContentKey, MarkKind, Room, S3, Storage, Taker},
};
use entity::Timestamp;
use uuid::Uuid;

/// What Cloakroom hands on at a time.
const PIECE_BYTES: u64 = 512 << 10;

#[derive(Parser)]
struct Cli {
    file: String,
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Cli { file, options } = Cli::parse();
    let config = options.validate()?;
    let store = S3::new(&config.s3)?;
    // It sends as the installation that the bucket belongs to.
    let mark = store
        .mark(MarkKind::InUse)
        .await?
        .ok_or("Cloakroom has to have started on this bucket")?;
    let room = Room::new(None, None, None);
    let storage = Storage::S3(store.of((MarkKind::InUse, mark), room));
    let mut file = File::open(file)?;
    let bytes = file.metadata()?.len();

    let began = Instant::now();
    let key = ContentKey::random();
    let mut writer = storage.begin(&key, Taker::Account(Uuid::nil()), bytes);
    let mut id = None;
    loop {
        let to_end = writer.part().map_or(PIECE_BYTES, |(_, left)| left);
        let mut piece = Vec::new();
        let most = PIECE_BYTES.min(to_end.max(1));
        let read = (&mut file).take(most).read_to_end(&mut piece)?;
        if read == 0 {
            break;
        }
        if writer.is_to_be_parted(read as u64) {
            let begun = writer.begin_parts().await?;
            writer.goes_by(begun.clone());
            id = Some(begun);
        }
        let written = writer.write(vec![Bytes::from(piece)], |_| ());
        (writer, ()) = written.await??;
    }
    let kept = storage.finish(writer, Timestamp(0), Vec::new()).await?;
    let took = began.elapsed();
    storage.delete(&key, id.as_deref()).await?;
    if kept != bytes {
        return Err(format!("{kept} of {bytes} bytes were kept").into());
    }
    println!("{:.1}", bytes as f64 / took.as_secs_f64());
    Ok(())
}
