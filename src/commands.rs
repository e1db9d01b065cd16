//! What the commands beside `serve` do. All but `migrate` work with what is there, and make nothing.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    time::Duration,
};

use clap::Args;
use cloakroom::{
    app::{self, App, ContentPlace, Needs},
    clock::Clock,
    config::Config,
    db::Db,
    installation,
    storage::{Finding, Verdict},
    tasks::Tasks,
    verify,
};

pub mod accounts;
pub mod doctor;
pub mod events;
pub mod moving;
pub mod packaging;
mod teller;
pub mod webhooks;

pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

#[derive(Args)]
pub struct Migrate {
    /// Take back this many of the newest steps, and what is in their tables
    #[arg(long, value_name = "STEPS")]
    down: Option<u32>,
}

#[derive(Args)]
pub struct Verify {
    /// Read all bytes and compare their SHA-256, not just their number
    #[arg(long)]
    deep: bool,
    /// Remove content that nothing owns
    #[arg(long)]
    repair: bool,
    /// Content that nothing owns counts when it is older than this, by what its database knows of the time: `90s`, `24h`;
    /// `0s` judges all content
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = humantime::parse_duration)]
    older_than: Duration,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Writes `text` to standard output. A closed pipe is not an error.
pub fn print(text: impl AsRef<str>) -> Outcome {
    let mut out = io::stdout().lock();
    let printed = out
        .write_all(text.as_ref().as_bytes())
        .and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

pub async fn migrate(config: &Config, options: &Migrate) -> Outcome {
    let tasks = Tasks::default();
    let db = match options.down {
        Some(steps) => {
            let db = Db::connect(config.database.database_url.expose(), &tasks).await?;
            installation::check(&db, ContentPlace::of(config)?.look()).await?;
            db.migrate_down(steps).await?;
            db
        }
        None => {
            app::make_data_dir(&config.storage.data_dir)?;
            let content = ContentPlace::of(config)?;
            let db = app::make_database(config, content.look(), &tasks).await?;
            db.migrate().await?;
            db
        }
    };
    Ok(db.close().await?)
}

/// Fails when anything is amiss, so that a script can tell.
pub async fn verify(config: Config, options: &Verify) -> Outcome {
    let app = App::open_existing(config, Clock::System, Needs::Content).await?;
    let what = verify::Options {
        hash: options.deep,
        repair: options.repair,
        settled_after: options.older_than,
    };
    let shows_progress = io::stderr().is_terminal();
    let report = verify::run(&app, what, |report| {
        if shows_progress {
            let _ = write!(
                io::stderr(),
                "\r{} contents, {} files, {} bytes looked at",
                report.contents,
                report.files,
                report.bytes
            );
        }
    })
    .await;
    let report = report.map_err(|error| {
        let place = app.storage.place(&app.config.storage.data_dir);
        format!(
            "cannot look at everything in {place} and {}: {}",
            app.db.name(),
            error.cause()
        )
    })?;
    if shows_progress {
        let _ = writeln!(io::stderr());
    }
    print(match options.json {
        true => serde_json::to_string_pretty(&report)? + "\n",
        false => report.to_string(),
    })?;
    match report.is_clean() {
        true => Ok(()),
        false => Err("the storage is not as it should be".into()),
    }
}

/// Fails when content is not safe in the store, or does not work.
pub async fn check_store(config: &Config) -> Outcome {
    let ContentPlace::S3(s3) = ContentPlace::of(config)? else {
        return Err("STORAGE is local: there is no object store to be tried out".into());
    };
    let findings = s3.trial().await;
    let lines = findings
        .iter()
        .map(|Finding { what, verdict }| match verdict {
            Verdict::Good => format!("good     {what}\n"),
            Verdict::Differs(why) => format!("differs  {what}: no; {why}\n"),
            Verdict::Bad(why) => format!("BAD      {what}: no; {why}\n"),
        });
    print(lines.collect::<String>())?;
    let is_bad = |finding: &Finding| matches!(finding.verdict, Verdict::Bad(_));
    match findings.iter().any(is_bad) {
        true => Err(format!("{} cannot keep content", s3.place()).into()),
        false => Ok(()),
    }
}
