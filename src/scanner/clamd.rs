//! ClamAV's daemon, by its command INSTREAM: lengths and bytes, and a line for an answer.

use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::{ANSWER_BYTES, Fault, Pieces, Verdict, away, name};
use crate::config::Listen;

/// The command, and that the answer is to end with a zero.
const INSTREAM: &[u8] = b"zINSTREAM\0";
/// A piece of no length is the end.
const END: [u8; 4] = [0; 4];

pub async fn judge(address: &Listen, content: Pieces<'_>) -> Result<Verdict, Fault> {
    let cannot = "cannot connect to clamd";
    match address {
        Listen::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(away(cannot))?;
            converse(stream, content).await
        }
        Listen::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(away(cannot))?;
            converse(stream, content).await
        }
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    content: Pieces<'_>,
) -> Result<Verdict, Fault> {
    let sent = send(&mut stream, content).await;
    if let Err(Fault::Content(_)) = sent {
        return sent.map(|()| Verdict::Clean);
    }
    // Where it takes no more, it says so and closes: what it said tells more than that nothing could be sent.
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES).read_to_end(&mut answer).await;
    if answer.is_empty() {
        sent?;
        read.map_err(away("clamd's answer cannot be read"))?;
        return understood("");
    }
    let answer = String::from_utf8_lossy(&answer);
    match understood(answer.trim_end_matches('\0').trim()) {
        // Of what it did not take, it knows nothing.
        Ok(Verdict::Clean) => sent.map(|()| Verdict::Clean),
        understood => understood,
    }
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    mut content: Pieces<'_>,
) -> Result<(), Fault> {
    let broke_off = "clamd broke off";
    stream.write_all(INSTREAM).await.map_err(away(broke_off))?;
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(Fault::Content)?;
        if piece.is_empty() {
            continue;
        }
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes();
        stream.write_all(&length).await.map_err(away(broke_off))?;
        stream.write_all(&piece).await.map_err(away(broke_off))?;
    }
    stream.write_all(&END).await.map_err(away(broke_off))?;
    stream.flush().await.map_err(away(broke_off))
}

fn understood(answer: &str) -> Result<Verdict, Fault> {
    match answer.strip_prefix("stream: ") {
        Some("OK") => Ok(Verdict::Clean),
        Some(found) if found.ends_with(" FOUND") => {
            Ok(Verdict::Found(name(found.trim_end_matches(" FOUND"))))
        }
        _ if answer.contains("size limit exceeded") => Err(Fault::TooLarge),
        _ => Err(Fault::Away(format!("clamd answered {answer:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_answer_of_clamd_s_is_no_verdict() {
        for (answer, expected) in [
            ("stream: OK", Some(Verdict::Clean)),
            (
                "stream: Eicar-Signature FOUND",
                Some(Verdict::Found("Eicar-Signature".to_owned())),
            ),
            (
                "stream: \u{1b}[31mRed\n FOUND",
                Some(Verdict::Found("[31mRed".to_owned())),
            ),
            ("stream: OK FOUND", Some(Verdict::Found("OK".to_owned()))),
            ("OK", None),
            ("", None),
            ("stream: OK\nstream: x FOUND ", None),
            ("stream: ERROR", None),
            ("UNKNOWN COMMAND", None),
        ] {
            assert_eq!(understood(answer).ok(), expected, "{answer:?}");
        }
        let too_large = understood("INSTREAM size limit exceeded. ERROR");
        assert!(matches!(too_large, Err(Fault::TooLarge)));
    }
}
