//! Whether the scanner answers: it is given a few harmless bytes, as a file is.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;

use super::{Finding, Report};
use crate::{
    config::{Config, Scan, ScanAway},
    scanner::{self, Fault, Line, Verdict},
};

const WHAT: &str = "scanner";
/// Nobody waits longer for a few bytes, whatever SCAN_TIMEOUT allows for a file.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
const HARMLESS: &[u8] = b"nothing to see here\n";

pub(super) async fn examine<F: FnMut(Finding)>(report: &mut Report<F>, config: &Config) {
    let Some(scan) = &config.scanning.scan else {
        return;
    };
    let within = config.scanning.scan_timeout.min(ANSWERS_WITHIN);
    let content = stream::iter([Ok(Bytes::from_static(HARMLESS))]);
    let why = match scanner::judge(scan, within, Line::Operator, content).await {
        Ok(Verdict::Clean) => return report.good(WHAT, "it answers, and lets harmless bytes pass"),
        Ok(Verdict::Found(found)) => {
            let said = format!("it finds {found:?} in a line of plain text, and so in any file");
            return report.bad(
                WHAT,
                said + ": look at its database or at the program of SCAN",
            );
        }
        Err(Fault::Away(why)) => why,
        // With this process's own scans, of which there is one.
        Err(Fault::Busy) => "it is busy".to_owned(),
        Err(Fault::TooLarge) => "it takes not even a line of text".to_owned(),
        Err(Fault::Content(error)) => error.to_string(),
    };
    let until_then = match config.scanning.scan_away {
        ScanAway::Refuse => "uploads get UNAVAILABLE",
        ScanAway::Pass => "files are kept without a look",
    };
    let way_out = match scan {
        Scan::Clamd(_) => {
            "look whether clamd runs (`systemctl status clamav-daemon`), whether SCAN names its LocalSocket or TCPSocket, and \
             whether this user may open that"
        }
        Scan::Command(_) => {
            "run the program of SCAN as this user with some text for its input; it has to end with 0"
        }
    };
    report.bad(
        WHAT,
        format!("no answer: {why}. Until there is one, {until_then}: {way_out}"),
    );
}
