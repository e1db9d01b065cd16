//! The commands about webhooks. docs/webhooks.md says what receivers get.

use std::fmt::Write as _;

use clap::Args;
use cloakroom::{
    app::{App, Needs, SharedApp},
    clock::{self, Clock},
    config::{Config, Secret},
    domain::webhooks::{self, Waiting, Webhook},
    operator_error::OperatorError,
};
use entity::{Timestamp, webhook::Pause};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Outcome, accounts::told, print};

#[derive(Args)]
pub struct AddWebhook {
    /// Where events are sent: https://…
    url: String,
    /// Which kinds of events, such as `UPLOADED,DOWNLOADED`; without it all
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    events: Vec<String>,
    /// Print the webhook and its secret as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ListWebhooks {
    /// Print the webhooks as JSON, one a line
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ResumeWebhook {
    id: Uuid,
    /// Leave out the events that wait
    #[arg(long)]
    skip_waiting: bool,
    /// Print the webhook as JSON
    #[arg(long)]
    json: bool,
}

/// A webhook as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    url: String,
    events: Option<Vec<String>>,
    created_at: String,
    waiting: i64,
    missed: i64,
    delivered_at: Option<String>,
    failures: i32,
    failing_since: Option<String>,
    failure: Option<String>,
    paused_at: Option<String>,
    paused_because: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Listed {
    fn of(Webhook { row, waiting }: Webhook) -> Self {
        let kinds = row.kinds.as_deref();
        Self {
            id: row.id.to_string(),
            url: row.url.clone(),
            events: kinds.map(|kinds| kinds.split(',').map(str::to_owned).collect()),
            created_at: date(row.created_at),
            waiting,
            missed: row.missed,
            delivered_at: row.delivered_at.map(date),
            failures: row.failures,
            failing_since: row.failing_since.map(date),
            failure: row.failure,
            paused_at: row.paused_at.map(date),
            paused_because: row.pause.map(|pause| match pause {
                Pause::Failing => "FAILING",
                Pause::Gone => "GONE",
            }),
            secret: None,
        }
    }

    fn line(&self, json: bool) -> Result<String, serde_json::Error> {
        if json {
            return Ok(serde_json::to_string(self)? + "\n");
        }
        let kinds = match &self.events {
            Some(kinds) => kinds.join(","),
            None => "all events".to_owned(),
        };
        let mut line = format!("{} {} {kinds}: {} waiting", self.id, self.url, self.waiting);
        if self.missed > 0 {
            let _ = write!(line, ", {} missed", self.missed);
        }
        if let (Some(at), Some(why)) = (&self.paused_at, self.paused_because) {
            let _ = write!(line, ", PAUSED ({why}) since {at}");
        }
        if let (Some(since), Some(why)) = (&self.failing_since, &self.failure) {
            let _ = write!(line, ", failing since {since}: {why}");
        }
        Ok(line + "\n")
    }
}

fn date(at: Timestamp) -> String {
    clock::to_date(at).format(&Rfc3339).unwrap_or_default()
}

async fn open(config: Config) -> Result<SharedApp, OperatorError> {
    App::open_existing(config, Clock::System, Needs::Database).await
}

pub async fn add(config: Config, options: &AddWebhook) -> Outcome {
    let app = open(config).await?;
    let added = webhooks::add(&app, &options.url, &options.events).await;
    let (webhook, secret) = added.map_err(|error| told(&app, error))?;
    let mut listed = Listed::of(webhook);
    if options.json {
        listed.secret = Some(secret.expose().to_owned());
        return print(listed.line(true)?);
    }
    print(format!(
        "{} {}\n{}",
        listed.id,
        listed.url,
        line_of(&secret)
    ))
}

fn line_of(secret: &Secret) -> String {
    format!("secret: {}\n", secret.expose())
}

pub async fn list(config: Config, options: &ListWebhooks) -> Outcome {
    let app = open(config).await?;
    let listed = webhooks::list(&app).await;
    let mut text = String::new();
    for webhook in listed.map_err(|error| told(&app, error))? {
        text += &Listed::of(webhook).line(options.json)?;
    }
    print(text)
}

pub async fn remove(config: Config, id: Uuid) -> Outcome {
    let app = open(config).await?;
    let removed = webhooks::remove(&app, id).await;
    Ok(removed.map_err(|error| told(&app, error))?)
}

pub async fn resume(config: Config, options: &ResumeWebhook) -> Outcome {
    let app = open(config).await?;
    let waiting = match options.skip_waiting {
        true => Waiting::Skip,
        false => Waiting::Send,
    };
    let resumed = webhooks::resume(&app, options.id, waiting).await;
    let webhook = resumed.map_err(|error| told(&app, error))?;
    print(Listed::of(webhook).line(options.json)?)
}

pub async fn secret(config: Config, id: Uuid) -> Outcome {
    let app = open(config).await?;
    let secret = webhooks::secret_of(&app, id).await;
    let secret = secret.map_err(|error| told(&app, error))?;
    print(line_of(&secret))
}
