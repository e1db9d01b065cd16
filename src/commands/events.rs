//! The command that prints the audit trail.

use clap::Args;
use cloakroom::{
    app::{App, Needs},
    clock::Clock,
    config::Config,
    domain::events,
};

use super::{Outcome, accounts::told, print};

/// How many events are read at a time.
const PAGE: u64 = 1000;

#[derive(Args)]
pub struct ListEvents {
    /// Only events behind this one: its `place`
    #[arg(long, value_name = "PLACE", default_value_t = 0)]
    after: i64,
}

pub async fn list(config: Config, options: &ListEvents) -> Outcome {
    let app = App::open_existing(config, Clock::System, Needs::Database).await?;
    let mut after = options.after;
    loop {
        let page = events::trail(&app, after, PAGE).await;
        let page = page.map_err(|error| told(&app, error))?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = *last;
        let mut lines = String::new();
        for (_, event) in page {
            lines += &event;
            lines.push('\n');
        }
        print(lines)?;
    }
}
