//! The command line: `serve` (the default), `migrate`, `schema`, `settings`, `verify`, `check-store`, `doctor`, `move-content`,
//! `move-database`, `export`, `import`, and those about accounts and webhooks.
//!
//! Exit statuses: 0, done; 1, not done, or `verify` or `check-store` found something; 2, a mistake in the settings or on the command line.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory, Parser, Subcommand};
use cloakroom::{
    app::App,
    clock::Clock,
    config::{self, Config, Listen, Options},
    graphql,
    log::Log,
    metrics,
    operator_error::OperatorError,
    server::{self, Background, Listener},
    traces,
};
use commands::{
    Migrate, Outcome, Verify, accounts, doctor, events, moving, packaging, print, webhooks,
};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

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
    Settings(packaging::Settings),
    /// Print what completes commands in a shell
    Completions(packaging::Completions),
    /// Write the manual pages
    Man(packaging::ManPages),
    /// Make an account; the password is asked for, or read from standard input
    CreateUser(accounts::CreateUser),
    /// List the accounts, newest first, with what they keep
    ListUsers(accounts::ListUsers),
    /// Give an account another password, and end its sessions, tokens and tickets
    SetPassword(accounts::OneUser),
    /// Print the audit trail as JSON, one event a line, the oldest first, as webhooks are told of it
    ListEvents(events::ListEvents),
    /// Check that every file has its exact bytes, and that all bytes belong to something
    Verify(Verify),
    /// Look for what keeps the installation from working, and say what to do
    Doctor(doctor::Doctor),
    /// Copy all content to the object store, or from it to the data directory, while the server runs
    MoveContent(moving::MoveContent),
    /// Copy all rows from SQLite to PostgreSQL, while no server runs
    MoveDatabase(moving::MoveDatabase),
    /// Write one user's files with their names to a directory, to keep or to move
    Export(moving::Export),
    /// Put the files of an export into an account, here or in another installation
    Import(moving::Import),
    /// Try out whether the object store does all that content in it relies on
    CheckStore,
    /// Stop an account, and end its sessions, tokens and tickets
    DisableUser(accounts::OneUser),
    /// Let a stopped account sign in again
    EnableUser(accounts::OneUser),
    /// Make an administrator of a user, or a user of an administrator
    SetRole(accounts::SetRole),
    /// Set how much an account may keep
    SetQuota(accounts::SetQuota),
    /// Link an account with who its user is at the provider of sign-ins: the subject, the claim `sub`
    LinkUser { username: String, subject: String },
    /// End all such links of an account
    UnlinkUser { username: String },
    /// Delete an account for good, with its files and all; a running server removes the bytes
    DeleteUser(accounts::DeleteUser),
    /// Have an address told of events, and print the secret that shows it who tells
    AddWebhook(webhooks::AddWebhook),
    /// List the webhooks, and how far each has been told
    ListWebhooks(webhooks::ListWebhooks),
    /// End a webhook
    RemoveWebhook { id: Uuid },
    /// Have a paused webhook go on, or a failing one try again at once
    ResumeWebhook(webhooks::ResumeWebhook),
    /// Print a webhook's secret again, as the first secret of the configuration makes it
    WebhookSecret { id: Uuid },
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
        Some(Command::Settings(options)) => packaging::settings(&options),
        Some(Command::Completions(options)) => packaging::completions(&options, Cli::command()),
        Some(Command::Man(options)) => packaging::man_pages(&options, Cli::command()),
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
            run_in_runtime(command.unwrap_or(Command::Serve), config, &cli.options)
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

fn run_in_runtime(command: Command, config: Config, options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            format!("cannot start threads: {error}. See the limits of processes and open files: `ulimit -a`")
        })?;
    let outcome = runtime.block_on(run(command, config, options));
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

async fn run(command: Command, config: Config, options: &Options) -> Outcome {
    match command {
        Command::Serve => serve(config).await,
        Command::Migrate(options) => commands::migrate(&config, &options).await,
        Command::Verify(options) => commands::verify(config, &options).await,
        Command::MoveContent(command) => moving::content(config, options, &command).await,
        Command::MoveDatabase(command) => moving::database(config, &command).await,
        Command::Export(command) => moving::export(config, &command).await,
        Command::Import(command) => moving::import(config, &command).await,
        Command::CheckStore => commands::check_store(&config).await,
        Command::Doctor(options) => doctor::examine(config, &options).await,
        Command::CreateUser(options) => accounts::create_user(config, &options).await,
        Command::ListUsers(options) => accounts::list_users(config, &options).await,
        Command::ListEvents(options) => events::list(config, &options).await,
        Command::SetPassword(options) => accounts::set_password(config, &options).await,
        Command::DisableUser(options) => accounts::set_disabled(config, &options, true).await,
        Command::EnableUser(options) => accounts::set_disabled(config, &options, false).await,
        Command::SetRole(options) => accounts::set_role(config, &options).await,
        Command::SetQuota(options) => accounts::set_quota(config, &options).await,
        Command::LinkUser { username, subject } => {
            accounts::link_user(config, &username, &subject).await
        }
        Command::UnlinkUser { username } => accounts::unlink_user(config, &username).await,
        Command::DeleteUser(options) => accounts::delete_user(config, &options).await,
        Command::AddWebhook(options) => webhooks::add(config, &options).await,
        Command::ListWebhooks(options) => webhooks::list(config, &options).await,
        Command::RemoveWebhook { id } => webhooks::remove(config, id).await,
        Command::ResumeWebhook(options) => webhooks::resume(config, &options).await,
        Command::WebhookSecret { id } => webhooks::secret(config, id).await,
        Command::Schema | Command::Settings(_) | Command::Completions(_) | Command::Man(_) => {
            unreachable!("printed before there is a runtime")
        }
    }
}

async fn serve(config: Config) -> Outcome {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.storage.data_dir.display(), "starting");
    for doubt in &config.doubts {
        tracing::warn!("{doubt}");
    }
    let listener = bind(&config.server.listen, "CLOAKROOM_LISTEN").await?;
    let metrics_listener = match &config.logging.metrics_listen {
        Some(listen) => Some(bind(listen, "CLOAKROOM_METRICS_LISTEN").await?),
        None => None,
    };
    if metrics_listener.is_some() {
        metrics::turn_on(env!("CARGO_PKG_VERSION"));
    }
    let collector = traces::Collector::of(&config.traces)?;
    let app = App::open(config, Clock::System).await?;
    let sending =
        collector.map(|collector| traces::start(&app.config.traces, collector, &app.tasks));
    if let Some(listener) = metrics_listener {
        tracing::info!(metrics = %listener.address()?, "metrics are at /metrics");
        server::metrics::start(&app, listener);
    }
    let address = listener.address()?;
    tracing::info!(%address, public_url = app.config.server.public_url, delivery = ?app.config.tickets.delivery, "ready");
    let background = Background::start(&app);
    let stop = stop_signal()?;
    server::serve(app.clone(), listener, background, stop).await;
    if let Some(sending) = sending {
        sending.end().await;
    }
    match tokio::time::timeout(LAST_WORK, app.db.clone().close()).await {
        Ok(closed) => closed?,
        Err(_elapsed) => tracing::warn!("a query does not end and is not waited for"),
    }
    tracing::info!("stopped");
    Ok(())
}

async fn bind(listen: &Listen, setting: &'static str) -> Result<Listener, OperatorError> {
    let bound = Listener::bind(listen).await;
    bound.map_err(|error| cannot_listen(listen, setting, &error))
}

fn cannot_listen(listen: &Listen, setting: &'static str, error: &io::Error) -> OperatorError {
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
