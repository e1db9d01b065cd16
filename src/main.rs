//! The command line: `serve` (the default), `migrate`, `schema`, `verify`, `create-user`, `disable-user`, `enable-user`.

use std::{io::IsTerminal, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use cloakroom::{
    app::App,
    clock::Clock,
    config::{Config, LogFormat, Options, Secret},
    db::Db,
    domain::accounts,
    graphql, janitor,
    server::{self, Listener},
    verify::{self, Depth},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

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

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Schema) = cli.command {
        print!("{}", graphql::sdl());
        return ExitCode::SUCCESS;
    }
    let config = match cli.options.validate() {
        Ok(config) => config,
        Err(mistakes) => {
            eprint!("cloakroom: {mistakes}");
            return ExitCode::from(2);
        }
    };
    log_to_stderr(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(run(cli.command.unwrap_or(Command::Serve), config));
        // A thread that still computes or waits for a disk is not waited for: nobody is there for what it would answer.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cloakroom: {error}");
            ExitCode::FAILURE
        }
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
        Command::Schema => unreachable!("printed before there is a runtime"),
    }
}

async fn serve(config: Config) -> Outcome {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.data_dir.display(), "starting");
    let listener = Listener::bind(&config.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let app = App::open(config, Clock::System).await?;
    let address = listener.address()?;
    tracing::info!(%address, public_url = app.config.public_url, delivery = ?app.config.delivery, "ready");
    let sweeps = tokio::spawn(janitor::run(app.clone()));
    let stop = stop_signal()?;
    server::serve(app.clone(), listener, stop).await;
    sweeps.abort();
    app.db.clone().close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Ready at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
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
    std::fs::create_dir_all(&config.data_dir)?;
    let db = Db::connect(config.database_url.expose()).await?;
    match down {
        Some(steps) => db.migrate_down(steps).await?,
        None => db.migrate().await?,
    }
    Ok(db.close().await?)
}

async fn create_user(config: Config, username: &str) -> Outcome {
    let password = read_password()?;
    let app = App::open(config, Clock::System).await?;
    let user = accounts::create(&app, username, password).await?;
    println!("{} {}", user.id, user.username);
    Ok(())
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
    let shows_progress = std::io::stderr().is_terminal();
    let report = verify::run(&app, depth, |report| {
        if shows_progress {
            eprint!(
                "\r{} contents, {} files, {} bytes looked at",
                report.contents, report.files, report.bytes
            );
        }
    })
    .await?;
    if shows_progress {
        eprintln!();
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for damage in &report.damaged {
            println!(
                "file {} ({}): {}",
                damage.file_id, damage.content_key, damage.what
            );
        }
        for orphan in &report.orphans {
            println!("content {orphan}: nothing owns it");
        }
        println!(
            "{} files of {} bytes: {} damaged; {} contents: {} without an owner, {} removed",
            report.files,
            report.bytes,
            report.damaged.len(),
            report.contents,
            report.orphans.len(),
            report.removed
        );
    }
    match report.is_clean() {
        true => Ok(()),
        false => Err("the storage is not as it should be".into()),
    }
}

/// The first line of standard input; a person is asked for it without an echo.
fn read_password() -> std::io::Result<Secret> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").map(Secret::from);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(Secret::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn log_to_stderr(config: &Config) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.log))
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
