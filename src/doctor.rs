//! What may keep an installation from working, looked at from all sides: configuration, scanner, collector of traces, database,
//! storage, clock, descriptors, and nginx as clients meet it. Changes nothing.

use std::fmt;

use serde::Serialize;

use crate::{
    app::{App, Needs, SharedApp},
    clock::{Clock, SKEW, millis},
    config::Config,
    db::{Db, Reader},
    error::Result,
    tasks::Tasks,
};

mod scanner;
mod site;
mod storage;
mod traces;

/// How things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Good,
    /// It works, and may not be meant so.
    Doubtful,
    /// Something does not work.
    Bad,
}

/// What was found out about one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub state: State,
    /// What is so; and, where it is not good, the way out.
    pub said: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Good => "good    ",
            State::Doubtful => "doubtful",
            State::Bad => "BAD     ",
        };
        write!(f, "{state} {}: {}", self.what, self.said)
    }
}

/// Where findings go as they are made.
struct Report<F>(F);

impl<F: FnMut(Finding)> Report<F> {
    fn say(&mut self, what: &'static str, state: State, said: impl Into<String>) {
        let said = said.into();
        (self.0)(Finding { what, state, said });
    }

    fn good(&mut self, what: &'static str, said: impl Into<String>) {
        self.say(what, State::Good, said);
    }

    fn doubtful(&mut self, what: &'static str, said: impl Into<String>) {
        self.say(what, State::Doubtful, said);
    }

    fn bad(&mut self, what: &'static str, said: impl Into<String>) {
        self.say(what, State::Bad, said);
    }
}

/// Looks at everything that `config` names, and tells each finding as it is made. What depends on something that is bad is left
/// out.
pub async fn examine(config: Config, found: impl FnMut(Finding)) {
    let mut report = Report(found);
    report.good("configuration", "every setting is understood");
    for doubt in &config.doubts {
        report.doubtful("configuration", doubt);
    }
    descriptors(&mut report, &config);
    scanner::examine(&mut report, &config).await;
    traces::examine(&mut report, &config).await;
    let app = database(&mut report, config).await;
    if let Some(app) = app {
        clock(&mut report, &app).await;
        storage::examine(&mut report, &app).await;
        site::examine(&mut report, &app.config).await;
    }
}

fn descriptors<F: FnMut(Finding)>(report: &mut Report<F>, config: &Config) {
    let most = config.server.max_connections;
    let said = format!(
        "{most} connections at once, by the limit of open files where this runs; a service has the one of its unit"
    );
    match most < 320 {
        true => report.doubtful("descriptors", said + ": raise LimitNOFILE=, or `ulimit -n`"),
        false => report.good("descriptors", said),
    }
}

async fn database<F: FnMut(Finding)>(report: &mut Report<F>, config: Config) -> Option<SharedApp> {
    const WHAT: &str = "database";
    let tasks = Tasks::default();
    let url = config.database.database_url.clone();
    let db = match Db::connect(url.expose(), &tasks).await {
        Ok(db) => db,
        Err(error) => {
            report.bad(WHAT, error.to_string());
            return None;
        }
    };
    if let Err(error) = db.check_schema().await {
        report.bad(WHAT, error.to_string());
        return None;
    }
    report.good(WHAT, format!("{} has all steps of the schema", db.name()));
    let name = db.name().to_owned();
    for (done, checked) in [
        ("can be read", db.check_reading().await),
        ("can be written", db.check_writing().await),
    ] {
        match checked {
            Ok(()) => report.good(WHAT, done),
            Err(error) => report.bad(WHAT, format!("not so: {name} {done}: {}", error.cause())),
        }
    }
    match db.find_damage().await {
        Ok(None) => report.good("integrity", "no damage is known"),
        Ok(Some(damage)) => report.bad(
            "integrity",
            format!("{name} is damaged: {damage}. Stop the server, and go back to the last backup"),
        ),
        Err(error) => report.bad(
            "integrity",
            format!("cannot look at {name}: {}", error.cause()),
        ),
    }
    // It has a connection of its own to what was just looked at.
    let _ = db.close().await;
    match App::open_existing(config, Clock::System, Needs::Content).await {
        Ok(app) => Some(app),
        Err(error) => {
            report.bad("storage", error.to_string());
            None
        }
    }
}

async fn clock<F: FnMut(Finding)>(report: &mut Report<F>, app: &App) {
    const WHAT: &str = "clock";
    let skew = millis(SKEW);
    match times(app).await {
        Err(error) => report.bad(WHAT, format!("cannot ask the database: {}", error.cause())),
        Ok((settled, of_database)) => {
            let now = app.clock.now().0;
            let apart = now.abs_diff(of_database.unwrap_or(now)) / 1000;
            if settled > now + skew {
                report.bad(
                    WHAT,
                    "it is behind the time that the database knows to have passed: see `timedatectl`",
                );
            } else if apart > SKEW.as_secs() {
                report.bad(
                    WHAT,
                    format!("it is {apart} seconds from PostgreSQL's: see `timedatectl` on both machines"),
                );
            } else {
                report.good(WHAT, "it agrees with the database");
            }
        }
    }
}

/// The time that is certain to have passed, and the clock of PostgreSQL's machine.
#[expect(clippy::disallowed_methods, reason = "times name nothing")]
async fn times(app: &App) -> Result<(i64, Option<i64>)> {
    const SETTLED: &str = "SELECT coalesce((SELECT at FROM settled_time WHERE id = $1), 0)";
    const CLOCK: &str =
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + 0 * $1::BIGINT";
    let [settled] = app.db.figures(SETTLED, 1).await?;
    let of_database = match app.db.reader() {
        Reader::Sqlite { .. } => None,
        Reader::Postgres(_) => {
            let [now] = app.db.figures(CLOCK, 0).await?;
            Some(now)
        }
    };
    Ok((settled, of_database))
}
