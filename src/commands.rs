//! What the commands beside `serve` do. All but `migrate` work with what is there, and make nothing.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    time::Duration,
};

use clap::Args;
use cloakroom::{
    app::{self, App, Needs},
    clock::Clock,
    config::{Config, Secret},
    db::Db,
    domain::accounts,
    error::{Code, Error},
    installation,
    operator_error::OperatorError,
    tasks::Tasks,
    verify,
};

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
            installation::check(&db, &config.storage.data_dir).await?;
            db.migrate_down(steps).await?;
            db
        }
        None => {
            app::make_data_dir(&config.storage.data_dir)?;
            let db = app::make_database(config, &tasks).await?;
            db.migrate().await?;
            db
        }
    };
    Ok(db.close().await?)
}

pub async fn create_user(config: Config, username: &str) -> Outcome {
    // Before the password is asked for, which would be in vain.
    let app = App::open_existing(config, Clock::System, Needs::Database).await?;
    let password = read_password()?;
    let account = accounts::create(&app, username, password).await;
    let account = account.map_err(|error| told(&app, error))?;
    print(format!("{} {}\n", account.user.id, account.user.username))
}

pub async fn set_password(config: Config, username: &str) -> Outcome {
    let app = App::open_existing(config, Clock::System, Needs::Database).await?;
    let password = read_password()?;
    let set = accounts::set_password(&app, username, password).await;
    Ok(set.map_err(|error| told(&app, error))?)
}

pub async fn set_disabled(config: Config, username: &str, disabled: bool) -> Outcome {
    let app = App::open_existing(config, Clock::System, Needs::Database).await?;
    let set = accounts::set_disabled(&app, username, disabled).await;
    Ok(set.map_err(|error| told(&app, error))?)
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
        let data_dir = app.config.storage.data_dir.display();
        format!(
            "cannot look at everything in {data_dir} and {}: {}",
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

/// What an error about accounts says to whoever typed the command: the cause where there is one, and not what clients are
/// told.
fn told(app: &App, error: Error) -> OperatorError {
    match error.code {
        Code::Internal | Code::Unavailable | Code::StorageFull => app.db.unusable(error.cause()),
        _ => OperatorError::new(error.to_string()),
    }
}

/// The first line of standard input; a person is asked for it without an echo.
fn read_password() -> Result<Secret, OperatorError> {
    let cannot = |error| {
        OperatorError::new(format!(
            "cannot read the password: {error}. Type it when it is asked for, or give it as the first line of standard \
             input, in UTF-8"
        ))
    };
    if io::stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ");
        return password.map(Secret::from).map_err(cannot);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(cannot)?;
    Ok(Secret::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}
