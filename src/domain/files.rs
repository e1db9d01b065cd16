//! Files: renaming, and the way out by the trash.

use std::time::Duration;

use entity::{
    Timestamp, discarded_content,
    event::{self, Kind},
    file,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    content_type::{self, SNIFF_BYTES},
    events::{self, Event},
    file_name,
    quota::{self, Change},
    shares,
};
use crate::{
    access::{Owned, Trashed},
    app::App,
    auth::client::ClientAddress,
    clock::millis,
    error::{Error, Result},
    patience,
    storage::ContentKey,
};

mod listed;
mod stored;
mod sweep;

pub use listed::row as listed_row;
pub(crate) use listed::{list_own, list_shared};
pub use stored::{in_order_of_content, live_of};
pub use sweep::{sweep_discarded, sweep_trash};

/// Gives the file another name, and the content type that an upload of that name has. `BAD_USER_INPUT` if the
/// name is invalid.
#[expect(
    clippy::disallowed_methods,
    reason = "files are changed here, by their owner"
)]
pub async fn rename(
    app: &App,
    client: &ClientAddress,
    file: &Owned<file::Model>,
    name: &str,
) -> Result<Owned<file::Model>> {
    let name = file_name::check(name)?;
    let id = file.id;
    let key = key_of(&file.content_key)?;
    // Purged between the check and now: then nothing is found below, either.
    let content_type = match app.storage.open(&key).await? {
        Some(content) => content_type::detect(&content.start(SNIFF_BYTES as u64).await?, &name),
        None => file.content_type.clone(),
    };
    let event = Event::of_file(Kind::Renamed, file)
        .from(client)
        .detail(&name);
    let event = events::change(app, event)?;
    let rename = app.db.write(move |transaction| {
        Box::pin(async move {
            let renamed = file::Entity::update_many()
                .col_expr(file::Column::Name, Expr::value(name))
                .col_expr(file::Column::ContentType, Expr::value(content_type))
                .filter(file::Column::Id.eq(id))
                .filter(file::live())
                .exec_with_returning(transaction)
                .await?;
            let renamed = found(renamed)?;
            listed::rename(transaction, &renamed).await?;
            events::record(transaction, event).await?;
            Ok(renamed)
        })
    });
    file.renewed(rename.await?)
}

/// Moves the file to the trash: from this moment its shares and tickets open nothing.
pub async fn trash(app: &App, client: &ClientAddress, file: &Owned<file::Model>) -> Result<()> {
    let now = app.clock.now();
    move_to(app, client, file, Some(now)).await?;
    Ok(())
}

/// Brings the file back from the trash, with the shares it had.
pub async fn restore(
    app: &App,
    client: &ClientAddress,
    file: &Owned<Trashed>,
) -> Result<Owned<file::Model>> {
    file.restored(move_to(app, client, file, None).await?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are changed here, by their owner"
)]
async fn move_to(
    app: &App,
    client: &ClientAddress,
    file: &file::Model,
    trashed_at: Option<Timestamp>,
) -> Result<file::Model> {
    let (id, owner_id, size) = (file.id, file.owner_id, file.size);
    let now = app.clock.now();
    let event = |kind| Event::of_file(kind, file).from(client);
    let event = match trashed_at {
        Some(_) => events::row(app, event(Kind::Trashed)),
        None => events::change(app, event(Kind::Restored))?,
    };
    let moved = app.db.write(move |transaction| {
        Box::pin(async move {
            let from = match trashed_at {
                Some(_) => file::live(),
                None => file::trashed(),
            };
            // The account before the file, as everywhere, or two transactions could wait for each other.
            let trashed = if trashed_at.is_some() { size } else { -size };
            let change = Change {
                trashed,
                ..Change::default()
            };
            quota::account_for(transaction, owner_id, change).await?;
            let moved = file::Entity::update_many()
                .col_expr(file::Column::TrashedAt, Expr::value(trashed_at))
                .filter(file::Column::Id.eq(id))
                .filter(from)
                .exec_with_returning(transaction)
                .await?;
            let moved = found(moved)?;
            match trashed_at {
                Some(_) => listed::unlist_own(transaction, &moved).await?,
                None => list_own(transaction, [&moved]).await?,
            }
            let event_id = event.id;
            events::record(transaction, event).await?;
            let recipients = shares::recipients(transaction, id, now).await?;
            events::concern_audiences(transaction, event_id, &recipients).await?;
            Ok((moved, shares::heard_by(transaction, &recipients).await?))
        })
    });
    let (moved, heard) = moved.await?;
    // What goes to the trash has to come back before it can go there again.
    if trashed_at.is_none() {
        events::owe(app, owner_id, heard);
    }
    Ok(moved)
}

/// Destroys a file in the trash: its row first, then its bytes, which the janitor unlinks if this process cannot.
pub async fn purge(app: &App, client: &ClientAddress, file: &Owned<Trashed>) -> Result<()> {
    let event = events::change(app, Event::of_file(Kind::Purged, file).from(client))?;
    purge_row(app, file, event).await
}

/// The same without a proof of ownership, for the sweep of the trash.
#[expect(clippy::disallowed_methods, reason = "files end here")]
async fn purge_row(app: &App, file: &file::Model, event: event::Model) -> Result<()> {
    let (id, owner_id, size) = (file.id, file.owner_id, file.size);
    let discarded = discarded_content::Model {
        content_key: file.content_key.clone(),
        discarded_at: app.clock.now(),
        multipart_id: None,
        not_before: Timestamp(0),
        settled_at: settled_at(app, file.created_at),
    };
    let note = discarded.clone();
    let purge = app.db.write(move |transaction| {
        Box::pin(async move {
            let change = Change {
                used: -size,
                trashed: -size,
                files: -1,
                ..Change::default()
            };
            // The account before the file: with that go its shares and links, which whoever stops an account holds after it.
            quota::account_for(transaction, owner_id, change).await?;
            let deleted = file::Entity::delete_many()
                .filter(file::Column::Id.eq(id))
                .filter(file::trashed())
                .exec(transaction)
                .await?;
            if deleted.rows_affected == 0 {
                return Err(Error::not_found());
            }
            discarded_content::ActiveModel::from(discarded)
                .reset_all()
                .insert(transaction)
                .await?;
            events::record(transaction, event).await
        })
    });
    purge.await?;
    discard_after_commit(app, &note).await;
    Ok(())
}

/// Unlinks content that a transaction has just noted as discarded. What is committed is done, whatever fails here: the
/// janitor comes back to it.
pub(crate) async fn discard_after_commit(app: &App, note: &discarded_content::Model) {
    let now = app.clock.now().min(app.settled_time.last());
    if let Err(error) = patience::untimed(discard(app, note, now)).await {
        tracing::warn!(%error, "discarded content is left to the janitor");
    }
}

/// From when on no request that was under way at `moment` can write content any more.
pub(crate) fn settled_at(app: &App, moment: Timestamp) -> Timestamp {
    settled_after(moment, app.storage.settles_within())
}

/// The same, where requests are under way no longer than `within`.
pub(crate) fn settled_after(moment: Timestamp, within: Duration) -> Timestamp {
    match within {
        Duration::ZERO => Timestamp(0),
        within => Timestamp(moment.0.saturating_add(millis(within))),
    }
}

/// Removes content that is noted as discarded, then the note. While something may yet write the content at `now`, the note
/// stays, and the content is removed once more after that. False while a backup is being made: then it does neither, and the
/// janitor comes back to it.
#[expect(clippy::disallowed_methods, reason = "content ends here")]
async fn discard(app: &App, note: &discarded_content::Model, now: Timestamp) -> Result<bool> {
    let key = key_of(&note.content_key)?;
    let upload_id = note.multipart_id.as_deref();
    if !app.storage.delete(&key, upload_id).await? {
        return Ok(false);
    }
    let (settled_at, is_settled) = (note.settled_at, note.settled_at <= now);
    let change_note = app.db.write(move |transaction| {
        Box::pin(async move {
            let key = key.as_str().to_owned();
            match is_settled {
                true => discarded_content::Entity::delete_by_id(key)
                    .exec(transaction)
                    .await
                    .map(drop)?,
                false => discarded_content::Entity::update_many()
                    .col_expr(
                        discarded_content::Column::NotBefore,
                        Expr::value(settled_at),
                    )
                    .filter(discarded_content::Column::ContentKey.eq(key))
                    .exec(transaction)
                    .await
                    .map(drop)?,
            }
            Ok(())
        })
    });
    change_note.await?;
    Ok(true)
}

fn key_of(content_key: &str) -> Result<ContentKey> {
    ContentKey::parse(content_key)
        .ok_or_else(|| Error::internal("a content key in the database is malformed"))
}

/// The row that was changed; `NOT_FOUND` when somebody else changed it between the check and now.
fn found(mut changed: Vec<file::Model>) -> Result<file::Model> {
    changed.pop().ok_or_else(Error::not_found)
}
