//! Whether the collector of traces takes them. It is sent a message without spans.

use super::{Finding, Report};
use crate::{config::Config, traces::Collector};

const WHAT: &str = "traces";

pub(super) async fn examine<F: FnMut(Finding)>(report: &mut Report<F>, config: &Config) {
    let collector = match Collector::of(&config.traces) {
        Ok(Some(collector)) => collector,
        Ok(None) => return,
        Err(error) => return report.bad(WHAT, error.to_string()),
    };
    match collector.try_out().await {
        Ok(()) => report.good(WHAT, "the collector takes them"),
        Err(why) => report.bad(
            WHAT,
            format!(
                "the collector does not take them: {why}. Until it does, they are dropped; nothing else suffers. Check that it \
                 runs, that it takes OTLP over HTTP as JSON at CLOAKROOM_TRACES_URL, and that CLOAKROOM_TRACES_HEADER is the \
                 header that it wants"
            ),
        ),
    }
}
