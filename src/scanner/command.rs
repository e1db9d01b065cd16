//! Any program that reads content from its standard input: 0 is clean, 1 is that something was found, whose name it prints,
//! and anything else is no verdict. So do clamdscan, clamscan and others.

use std::{
    io,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    time::sleep,
};

use super::{ANSWER_BYTES, Fault, Pieces, Verdict, away, name};

/// Where programs find others. Nothing else of this process's environment is told: secrets are in it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How often it is looked whether a program that has closed its output has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A program that ends with whoever waits for it.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended; then there is nobody to kill, and its end has been taken note of.
            let _ = child.kill();
            tokio::task::spawn_blocking(move || child.wait());
        }
    }
}

impl Running {
    fn child(&mut self) -> io::Result<&mut Child> {
        self.0
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child()?.try_wait()? {
                return Ok(status);
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

pub async fn judge(words: &[String], content: Pieces<'_>) -> Result<Verdict, Fault> {
    let cannot = "cannot run the scanner";
    let (mut running, input, output) = start(words).await.map_err(away(cannot))?;
    // It may say what it has found before it has read all.
    let (sent, said) = tokio::join!(send(input, content), said(output));
    if let Err(Fault::Content(_)) = sent {
        return sent.map(|()| Verdict::Clean);
    }
    let status = running.ended().await.map_err(away(cannot))?;
    let said = said.map_err(away("the scanner's answer cannot be read"))?;
    match (status.code(), sent) {
        (Some(0), Ok(())) => Ok(Verdict::Clean),
        (Some(0), Err(unread)) => Err(unread),
        (Some(1), _) => Ok(Verdict::Found(found(&said))),
        _ => Err(Fault::Away(format!("the scanner ended with {status}"))),
    }
}

async fn start(words: &[String]) -> io::Result<(Running, pipe::Sender, pipe::Receiver)> {
    let words = words.to_owned();
    let started = tokio::task::spawn_blocking(move || {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok::<_, io::Error>(Running(Some(child)))
    });
    let mut running = started.await.map_err(io::Error::other)??;
    let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
    let input = running.child()?.stdin.take().ok_or_else(closed)?;
    let output = running.child()?.stdout.take().ok_or_else(closed)?;
    Ok((
        running,
        pipe::Sender::from_owned_fd(input.into())?,
        pipe::Receiver::from_owned_fd(output.into())?,
    ))
}

async fn send(mut input: pipe::Sender, mut content: Pieces<'_>) -> Result<(), Fault> {
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(Fault::Content)?;
        let taken = input.write_all(&piece).await;
        taken.map_err(away("the scanner does not read to the end"))?;
    }
    Ok(())
}

/// The beginning of what a program prints; the rest is read and forgotten.
async fn said(mut output: pipe::Receiver) -> io::Result<String> {
    let mut said = Vec::new();
    (&mut output)
        .take(ANSWER_BYTES)
        .read_to_end(&mut said)
        .await?;
    tokio::io::copy(&mut output, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// The name in a line such as `stream: Eicar-Signature FOUND`, or the first line as it is.
fn found(said: &str) -> String {
    let lines = || said.lines().map(str::trim);
    let line = lines()
        .find(|line| line.ends_with(" FOUND"))
        .or_else(|| lines().find(|line| !line.is_empty()))
        .unwrap_or_default();
    let line = line.trim_end_matches(" FOUND");
    name(line.rsplit_once(": ").map_or(line, |(_, name)| name))
}
