//! The command line: `serve` (the default), `migrate`, `schema`, `settings`, `verify`, `create-user`, `set-password`,
//! `disable-user`, `enable-user`.
//!
//! Exit statuses: 0, done; 1, not done, or `verify` found something; 2, a mistake in the settings or on the command line.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use cloakroom::{
    app::App,
    clock::Clock,
    config::{self, Config, Listen, Options},
    graphql,
    log::Log,
    operator_error::OperatorError,
    server::{self, Background, Listener},
};
use commands::{Migrate, Outcome, Verify, print};
use tokio::signal::unix::{SignalKind, signal};

mod commands;

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
    /// Give an account another password, and end its sessions, tokens and tickets
    SetPassword { username: String },
    /// Check that every file has its exact bytes, and that all bytes belong to something
    Verify(Verify),
    /// Stop an account, and end its sessions, tokens and tickets
    DisableUser { username: String },
    /// Let a stopped account sign in again
    EnableUser { username: String },
}

/// How long the end of the process waits for the queries under way, and then for what blocking threads have in hand. A
/// crash would not wait either.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // clap would not say which.
    if let Err(mistakes) = config::check_texts(std::env::vars_os()) {
        let _ = write!(io::stderr(), "cloakroom: {mistakes}");
        return ExitCode::from(2);
    }
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
            warn_of_unknown_settings(&cli.options);
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
fn warn_of_unknown_settings(options: &Options) {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let of_file = options.variables.iter().cloned();
    for unknown in config::unknown(names.chain(of_file)) {
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
        .build()
        .map_err(|error| {
            format!("cannot start threads: {error}. See the limits of processes and open files: `ulimit -a`")
        })?;
    let outcome = runtime.block_on(run(command, config));
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

async fn run(command: Command, config: Config) -> Outcome {
    match command {
        Command::Serve => serve(config).await,
        Command::Migrate(options) => commands::migrate(&config, &options).await,
        Command::Verify(options) => commands::verify(config, &options).await,
        Command::CreateUser { username } => commands::create_user(config, &username).await,
        Command::SetPassword { username } => commands::set_password(config, &username).await,
        Command::DisableUser { username } => commands::set_disabled(config, &username, true).await,
        Command::EnableUser { username } => commands::set_disabled(config, &username, false).await,
        Command::Schema | Command::Settings => unreachable!("printed before there is a runtime"),
    }
}

async fn serve(config: Config) -> Outcome {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.storage.data_dir.display(), "starting");
    for doubt in &config.doubts {
        tracing::warn!("{doubt}");
    }
    let listener = Listener::bind(&config.server.listen)
        .await
        .map_err(|error| cannot_listen(&config.server.listen, &error))?;
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

fn cannot_listen(listen: &Listen, error: &io::Error) -> OperatorError {
    let setting = "CLOAKROOM_LISTEN";
    let way_out = match (listen, error.raw_os_error()) {
        (Listen::Unix(path), Some(_)) => {
            let error = OperatorError::at("make a socket at", path, setting, error);
            return OperatorError::new(format!("cannot listen on {listen}: {error}"));
        }
        (Listen::Unix(_), None) if error.kind() == io::ErrorKind::InvalidInput => {
            format!(". A socket's path may have 107 bytes: set {setting} to a shorter one")
        }
        // An error of our own says what is there.
        (_, None) => format!(" ({setting})"),
        (_, Some(libc::EADDRINUSE)) => {
            format!(". Another program listens there: end it, or set {setting} to another port")
        }
        (_, Some(libc::EADDRNOTAVAIL)) => {
            format!(
                ". No network of this machine has that address: set {setting} to one that it has"
            )
        }
        (_, Some(libc::EACCES)) => {
            format!(". Ports below 1024 are root's: set {setting} to a higher one, behind nginx")
        }
        _ => format!(" ({setting})"),
    };
    OperatorError::new(format!("cannot listen on {listen}: {error}{way_out}"))
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
