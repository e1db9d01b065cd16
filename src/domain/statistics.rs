//! Figures about the whole installation, for administrators.

use entity::Timestamp;

use crate::{access::Administrator, app::App, error::Result};

/// What there is, and what goes on.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    pub users: i64,
    pub disabled_users: i64,
    pub administrators: i64,
    /// Files, those in the trash included.
    pub files: i64,
    /// Their bytes.
    pub bytes: i64,
    pub trashed_bytes: i64,
    /// Bytes of quotas that are held for uploads.
    pub reserved_bytes: i64,
    /// Uploads under way, and unfinished ones that wait to be gone on with.
    pub uploads: i64,
    /// Contents that are not removed from the storage yet.
    pub discarded_contents: i64,
    pub downloads_today: i64,
}

/// The rows of users are read once, those of files never; of events, those since midnight, which are parameter 1.
const QUERY: &str = r#"
SELECT
    count(*) - (SELECT count(*) FROM deleted_user),
    count(*) FILTER (WHERE disabled) - (SELECT count(*) FROM deleted_user),
    count(*) FILTER (WHERE role = 'ADMIN'),
    CAST(coalesce(sum(file_count), 0) AS BIGINT),
    CAST(coalesce(sum(used_bytes), 0) AS BIGINT),
    CAST(coalesce(sum(trashed_bytes), 0) AS BIGINT),
    CAST(coalesce(sum(reserved_bytes), 0) AS BIGINT),
    (SELECT count(*) FROM upload),
    (SELECT count(*) FROM discarded_content),
    (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM event WHERE at >= $1 AND kind = 'DOWNLOADED')
FROM "user""#;

/// What changes all the time, of all instances.
#[derive(Clone, Copy, Debug)]
pub struct UnderWay {
    pub sessions: i64,
    pub resumable_uploads: i64,
    pub webhooks_paused: i64,
    pub webhook_missed: i64,
    /// In seconds.
    pub webhook_lag: i64,
}

/// Of each webhook that is not paused, the first event behind its place is looked up by the index of places.
const UNDER_WAY: &str = "SELECT \
    (SELECT count(*) FROM session WHERE expires_at > $1), \
    (SELECT count(*) FROM upload WHERE is_resumable), \
    (SELECT count(*) FROM webhook WHERE paused_at IS NOT NULL), \
    (SELECT CAST(coalesce(sum(missed), 0) AS BIGINT) FROM webhook), \
    (SELECT coalesce(min(event.at), 0) FROM webhook \
        JOIN concern ON concern.seq = (SELECT min(later.seq) FROM concern AS later WHERE later.seq > webhook.seq) \
        JOIN event ON event.id = concern.event_id WHERE webhook.paused_at IS NULL)";

/// The figures for whoever watches the server, which name nobody.
#[expect(clippy::disallowed_methods, reason = "figures name nothing")]
pub async fn under_way(app: &App) -> Result<UnderWay> {
    let Timestamp(now) = app.clock.now();
    let [
        sessions,
        resumable_uploads,
        webhooks_paused,
        webhook_missed,
        waits_since,
    ] = app.db.figures(UNDER_WAY, now).await?;
    Ok(UnderWay {
        sessions,
        resumable_uploads,
        webhooks_paused,
        webhook_missed,
        webhook_lag: match waits_since {
            0 => 0,
            since => (now - since).max(0) / 1000,
        },
    })
}

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The figures as they are now. The day begins at midnight, UTC.
#[expect(clippy::disallowed_methods, reason = "figures name nothing")]
pub async fn read(app: &App, _administrator: &Administrator) -> Result<Statistics> {
    let Timestamp(now) = app.clock.now();
    let midnight = now - now.rem_euclid(DAY);
    let [
        users,
        disabled_users,
        administrators,
        files,
        bytes,
        trashed_bytes,
        reserved_bytes,
        uploads,
        discarded_contents,
        downloads_today,
    ] = app.db.figures(QUERY, midnight).await?;
    Ok(Statistics {
        users,
        disabled_users,
        administrators,
        files,
        bytes,
        trashed_bytes,
        reserved_bytes,
        uploads,
        discarded_contents,
        downloads_today,
    })
}
