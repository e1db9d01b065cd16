//! `cloakroom move-database`: all rows of an SQLite database to PostgreSQL, in one transaction. Broken off, nothing has happened.

use std::{future::Future, pin::Pin};

use entity::{
    api_token, concern, deleted_user, discarded_content, drop, dropped_file, event, event_once,
    feed_position, file, group, group_member, installation, link, link_download, listed_file,
    oidc_identity, resumable_upload, session, settled_time, share, throttle, upload, upload_part,
    upload_tail, user, webhook,
};

use crate::{db::Transfer, operator_error::OperatorError};

type Step<T> =
    for<'t> fn(&'t Transfer) -> Pin<Box<dyn Future<Output = Result<T, OperatorError>> + 't>>;

/// A table, as it is copied.
struct Table {
    name: &'static str,
    has_rows: Step<bool>,
    copy: Step<u64>,
}

macro_rules! table {
    ($entity:ident, $name:literal, $page:literal) => {
        Table {
            name: $name,
            has_rows: |transfer| Box::pin(transfer.has_rows::<$entity::Entity>()),
            copy: |transfer| Box::pin(transfer.copy::<$entity::Entity>($page)),
        }
    };
    ($entity:ident, $name:literal) => {
        table!($entity, $name, 500)
    };
}

/// All of them, each behind those that its rows name.
const TABLES: [Table; 27] = [
    table!(installation, "installation"),
    table!(user, "user"),
    table!(deleted_user, "deleted_user"),
    table!(oidc_identity, "oidc_identity"),
    table!(session, "session"),
    table!(api_token, "api_token"),
    table!(file, "file"),
    table!(group, "group"),
    table!(group_member, "group_member"),
    table!(share, "share"),
    table!(link, "link"),
    table!(link_download, "link_download"),
    table!(drop, "drop"),
    table!(dropped_file, "dropped_file"),
    table!(upload, "upload"),
    table!(resumable_upload, "resumable_upload"),
    table!(upload_part, "upload_part"),
    // Rows of up to 5 MiB.
    table!(upload_tail, "upload_tail", 2),
    table!(discarded_content, "discarded_content"),
    table!(throttle, "throttle"),
    table!(event, "event"),
    table!(event_once, "event_once"),
    table!(concern, "concern"),
    table!(feed_position, "feed_position"),
    table!(listed_file, "listed_file"),
    table!(settled_time, "settled_time"),
    table!(webhook, "webhook"),
];

/// The one table that has a row from its first step on.
const NEVER_EMPTY: &str = "feed_position";

/// Copies all rows, and tells of each table how many there are.
pub async fn copy(
    transfer: Transfer,
    mut progress: impl FnMut(&str, u64),
) -> Result<u64, OperatorError> {
    let known = |name: &String| TABLES.iter().any(|table| table.name == name);
    if let Some(unknown) = transfer.tables().await?.iter().find(|name| !known(name)) {
        return Err(OperatorError::new(format!(
            "the database has a table {unknown:?} that this program does not know: it may be somebody's who wants it \
             moved as well. Nothing was changed"
        )));
    }
    for table in &TABLES {
        if table.name != NEVER_EMPTY && (table.has_rows)(&transfer).await? {
            return Err(OperatorError::new(format!(
                "{} is not empty: its table {:?} has rows. Name an empty database. Nothing was changed",
                transfer.to_name(),
                table.name
            )));
        }
    }
    let mut rows = 0;
    for table in &TABLES {
        let copied = (table.copy)(&transfer).await?;
        progress(table.name, copied);
        rows += copied;
    }
    transfer.commit().await?;
    Ok(rows)
}
