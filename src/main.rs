//! The command line: `serve` (the default), `migrate`, `schema`, `settings`, `verify`, `create-user`, `disable-user`,
//! `enable-user`.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use cloakroom::{
    app::App,
    clock::Clock,
    config::{self, Config, Options, Secret},
    db::Db,
    domain::accounts,
    graphql,
    log::Log,
    server::{self, Background, Listener},
    tasks::Tasks,
    verify::{self, Depth},
};
use tokio::signal::unix::{SignalKind, signal};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Cloakroom: leave a file, get a ticket, show the ticket, get the file.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (the default)
    Serve,
    /// Bring the database's schema up to date, or take steps back
    Migrate(Migrate),
    /// Print the GraphQL schema
    Schema,
    /// Print the documentation of all settings, as Markdown
    Settings,
    /// Make an account; the password is asked for, or read from standard input
    CreateUser { username: String },
    /// Check that every file has its exact bytes, and that all bytes belong to something
    Verify(Verify),
    /// Stop an account, and end its sessions, tokens and tickets
    DisableUser { username: String },
    /// Let a stopped account sign in again
    EnableUser { username: String },
}

#[derive(Args)]
struct Migrate {
    /// Take back this many of the newest steps
    #[arg(long, value_name = "STEPS")]
    down: Option<u32>,
}

#[derive(Args)]
struct Verify {
    /// Read all bytes and compare their SHA-256, not just their number
    #[arg(long)]
    deep: bool,
    /// Remove content that nothing owns
    #[arg(long)]
    repair: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// How long the end of the process waits for the queries under way, and then for what blocking threads have in hand. A
/// crash would not wait either.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = match Log::start() {
        Ok(log) => log,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cloakroom: there is no log: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = match cli.command {
        Some(Command::Schema) => print(graphql::sdl()),
        Some(Command::Settings) => print(config::markdown()),
        command => {
            let config = match cli.options.validate() {
                Ok(config) => config,
                Err(mistakes) => {
                    log.say(format_args!(
                        "cloakroom: {}",
                        mistakes.to_string().trim_end()
                    ));
                    return ExitCode::from(2);
                }
            };
            log.subscribe(&config);
            warn_of_unknown_settings();
            run_in_runtime(command.unwrap_or(Command::Serve), config)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.say(format_args!("cloakroom: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A misspelt setting would otherwise keep its default in silence. The value may be a secret, and is not told.
fn warn_of_unknown_settings() {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for unknown in config::unknown(names) {
        let variable = unknown.variable;
        match unknown.nearest {
            Some(nearest) => tracing::warn!("{variable} is no setting; is {nearest} meant?"),
            None => tracing::warn!("{variable} is no setting; see `cloakroom --help`"),
        }
    }
}

fn run_in_runtime(command: Command, config: Config) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(run(command, config));
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

/// Writes `text` to standard output. Whoever reads it may have read enough.
fn print(text: impl AsRef<str>) -> Outcome {
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

async fn run(command: Command, config: Config) -> Outcome {
    match command {
        Command::Serve => serve(config).await,
        Command::Migrate(Migrate { down }) => migrate(&config, down).await,
        Command::Verify(options) => verify(config, &options).await,
        Command::CreateUser { username } => create_user(config, &username).await,
        Command::DisableUser { username } => set_disabled(config, &username, true).await,
        Command::EnableUser { username } => set_disabled(config, &username, false).await,
        Command::Schema | Command::Settings => unreachable!("printed before there is a runtime"),
    }
}

async fn serve(config: Config) -> Outcome {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.storage.data_dir.display(), "starting");
    let listener = Listener::bind(&config.server.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.server.listen))?;
    let app = App::open(config, Clock::System).await?;
    let address = listener.address()?;
    tracing::info!(%address, public_url = app.config.server.public_url, delivery = ?app.config.tickets.delivery, "ready");
    let background = Background::start(&app);
    let stop = stop_signal()?;
    server::serve(app.clone(), listener, background, stop).await;
    match tokio::time::timeout(LAST_WORK, app.db.clone().close()).await {
        Ok(closed) => closed?,
        Err(_elapsed) => tracing::warn!("a query does not end and is not waited for"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Ready at the first SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn migrate(config: &Config, down: Option<u32>) -> Outcome {
    std::fs::create_dir_all(&config.storage.data_dir)?;
    let db = Db::connect(config.database.database_url.expose(), &Tasks::default()).await?;
    match down {
        Some(steps) => db.migrate_down(steps).await?,
        None => db.migrate().await?,
    }
    Ok(db.close().await?)
}

async fn create_user(config: Config, username: &str) -> Outcome {
    let password = read_password()?;
    let app = App::open(config, Clock::System).await?;
    let account = accounts::create(&app, username, password).await?;
    print(format!("{} {}\n", account.user.id, account.user.username))
}

async fn set_disabled(config: Config, username: &str, disabled: bool) -> Outcome {
    let app = App::open(config, Clock::System).await?;
    Ok(accounts::set_disabled(&app, username, disabled).await?)
}

/// Fails when anything is amiss, so that a script can tell.
async fn verify(config: Config, options: &Verify) -> Outcome {
    let app = App::open(config, Clock::System).await?;
    let depth = Depth {
        hash: options.deep,
        repair: options.repair,
    };
    let shows_progress = io::stderr().is_terminal();
    let report = verify::run(&app, depth, |report| {
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
    .await?;
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

/// The first line of standard input; a person is asked for it without an echo.
fn read_password() -> io::Result<Secret> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").map(Secret::from);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(Secret::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}
