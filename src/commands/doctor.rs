//! `doctor`: what is wrong, and what to do.

use clap::Args;
use cloakroom::{
    config::Config,
    doctor::{self, State},
};

use super::{Outcome, print};

#[derive(Args)]
pub struct Doctor {
    /// Print the findings as JSON, one a line
    #[arg(long)]
    json: bool,
}

/// Tells each finding as it is made. Fails when something is bad, so that a script can tell.
pub async fn examine(config: Config, options: &Doctor) -> Outcome {
    let mut bad = 0;
    let mut printed = Ok(());
    doctor::examine(config, |finding| {
        bad += usize::from(finding.state == State::Bad);
        let line = match options.json {
            true => serde_json::to_string(&finding).unwrap_or_default(),
            false => finding.to_string(),
        };
        if printed.is_ok() {
            printed = print(line + "\n");
        }
    })
    .await;
    printed?;
    match bad {
        0 => Ok(()),
        1 => Err("one thing is bad".into()),
        bad => Err(format!("{bad} things are bad").into()),
    }
}
