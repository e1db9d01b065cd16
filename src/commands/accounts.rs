//! The commands about accounts: what administrators do in the API, and making the first of them.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal},
};

use clap::{Args, ValueEnum};
use cloakroom::{
    app::{App, Needs, SharedApp},
    auth::Account,
    clock::{self, Clock},
    config::{Config, Secret},
    db::Page,
    domain::{
        accounts::{self, Overseer},
        quota,
    },
    error::{Code, Error},
    operator_error::OperatorError,
};
use entity::user;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::{Outcome, print};

#[derive(Args)]
pub struct CreateUser {
    username: String,
    /// Make the account an administrator's
    #[arg(long)]
    admin: bool,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ListUsers {
    /// Only accounts whose names have this in them
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Print the accounts as JSON, one a line
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct SetRole {
    username: String,
    role: Role,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct SetQuota {
    username: String,
    /// How much the user may keep, such as `20GiB`; `none`: as CLOAKROOM_USER_QUOTA says for all
    #[arg(value_parser = quota_bytes)]
    quota: Quota,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

/// Of which account one thing is changed.
#[derive(Args)]
pub struct OneUser {
    username: String,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct DeleteUser {
    username: String,
    /// Print the account, as it was, as JSON
    #[arg(long)]
    json: bool,
}

/// What somebody may do besides having files.
#[derive(Clone, Copy, ValueEnum)]
pub enum Role {
    User,
    Admin,
}

/// A quota of one account's own, if it has one.
#[derive(Clone, Copy)]
struct Quota(Option<i64>);

fn quota_bytes(text: &str) -> Result<Quota, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Quota(None));
    }
    let bytes = text.parse::<bytesize::ByteSize>()?.as_u64();
    let bytes = i64::try_from(bytes).map_err(|error| error.to_string())?;
    Ok(Quota(Some(bytes)))
}

/// An account as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    username: String,
    role: &'static str,
    disabled: bool,
    used_bytes: i64,
    trashed_bytes: i64,
    reserved_bytes: i64,
    quota_bytes: Option<u64>,
    files: i64,
    created_at: String,
}

impl Listed {
    fn of(config: &Config, account: Account) -> Self {
        let created_at = clock::to_date(account.user.created_at).format(&Rfc3339);
        Self {
            id: account.user.id.to_string(),
            username: account.user.username,
            role: match account.role {
                user::Role::User => "USER",
                user::Role::Admin => "ADMIN",
            },
            disabled: account.disabled,
            used_bytes: account.usage.used_bytes,
            trashed_bytes: account.usage.trashed_bytes,
            reserved_bytes: account.usage.reserved_bytes,
            quota_bytes: quota::of(config, &account.usage),
            files: account.usage.files,
            created_at: created_at.unwrap_or_default(),
        }
    }

    fn line(&self, json: bool) -> Result<String, serde_json::Error> {
        if json {
            return Ok(serde_json::to_string(self)? + "\n");
        }
        let mut line = format!("{} {}", self.id, self.username);
        if self.role == "ADMIN" {
            line.push_str(" admin");
        }
        if self.disabled {
            line.push_str(" disabled");
        }
        let quota = self.quota_bytes.map(|quota| quota.to_string());
        let quota = quota.as_deref().unwrap_or("no limit");
        let _ = write!(
            line,
            ": {} files, {} bytes of {quota}",
            self.files, self.used_bytes
        );
        Ok(line + "\n")
    }
}

async fn open(config: Config) -> Result<SharedApp, OperatorError> {
    App::open_existing(config, Clock::System, Needs::Database).await
}

pub async fn create_user(config: Config, options: &CreateUser) -> Outcome {
    // Before the password is asked for, which would be in vain.
    let app = open(config).await?;
    let password = read_password()?;
    let role = match options.admin {
        true => user::Role::Admin,
        false => user::Role::User,
    };
    let account = accounts::create_with(&app, &options.username, password, role).await;
    let account = account.map_err(|error| told(&app, error))?;
    match options.json {
        true => print(Listed::of(&app.config, account).line(true)?),
        false => print(format!("{} {}\n", account.user.id, account.user.username)),
    }
}

pub async fn set_password(config: Config, options: &OneUser) -> Outcome {
    let app = open(config).await?;
    let password = read_password()?;
    let set = async {
        accounts::set_password(&app, &options.username, password).await?;
        accounts::find_account(&app, &options.username).await
    };
    let account = set.await.map_err(|error| told(&app, error))?;
    print(Listed::of(&app.config, account).line(options.json)?)
}

pub async fn set_disabled(config: Config, options: &OneUser, disabled: bool) -> Outcome {
    let app = open(config).await?;
    let set = accounts::set_disabled(&app, &options.username, disabled).await;
    let account = set.map_err(|error| told(&app, error))?;
    print(Listed::of(&app.config, account).line(options.json)?)
}

/// How many accounts are read at a time.
const PAGE: u64 = 1000;

pub async fn list_users(config: Config, options: &ListUsers) -> Outcome {
    let app = open(config).await?;
    let mut page = Page::first(PAGE);
    loop {
        let search = options.search.as_deref();
        let rows = accounts::list(&app, &Overseer::Operator, page, search).await;
        let rows = rows.map_err(|error| told(&app, error))?;
        page.after = rows.rows.last().map(|account| account.user.id);
        let mut text = String::new();
        for account in rows.rows {
            text += &Listed::of(&app.config, account).line(options.json)?;
        }
        print(text)?;
        if !rows.more {
            return Ok(());
        }
    }
}

pub async fn set_role(config: Config, options: &SetRole) -> Outcome {
    let app = open(config).await?;
    let role = match options.role {
        Role::User => user::Role::User,
        Role::Admin => user::Role::Admin,
    };
    let set = async {
        let account = accounts::find_account(&app, &options.username).await?;
        accounts::set_role(&app, Overseer::Operator, account.user.id, role).await
    };
    let account = set.await.map_err(|error| told(&app, error))?;
    print(Listed::of(&app.config, account).line(options.json)?)
}

pub async fn set_quota(config: Config, options: &SetQuota) -> Outcome {
    let app = open(config).await?;
    let set = async {
        let account = accounts::find_account(&app, &options.username).await?;
        let (id, Quota(bytes)) = (account.user.id, options.quota);
        accounts::set_quota(&app, Overseer::Operator, id, bytes).await
    };
    let account = set.await.map_err(|error| told(&app, error))?;
    print(Listed::of(&app.config, account).line(options.json)?)
}

/// What is left of the account goes by the sweeps of a running server.
pub async fn delete_user(config: Config, options: &DeleteUser) -> Outcome {
    let app = open(config).await?;
    let delete = async {
        let account = accounts::find_account(&app, &options.username).await?;
        accounts::delete(&app, Overseer::Operator, account.user.id).await?;
        Ok(account)
    };
    let account = delete.await.map_err(|error| told(&app, error))?;
    print(Listed::of(&app.config, account).line(options.json)?)
}

/// Who signs in by the provider as `subject` then has this account.
pub async fn link_user(config: Config, username: &str, subject: &str) -> Outcome {
    let app = open(config).await?;
    let linked = accounts::link(&app, username, subject).await;
    Ok(linked.map_err(|error| told(&app, error))?)
}

pub async fn unlink_user(config: Config, username: &str) -> Outcome {
    let app = open(config).await?;
    let ended = accounts::unlink(&app, username).await;
    let ended = ended.map_err(|error| told(&app, error))?;
    print(format!("{ended} ended\n"))
}

/// What an error about accounts says to whoever typed the command: the cause where there is one, and not what clients are
/// told.
pub fn told(app: &App, error: Error) -> OperatorError {
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
