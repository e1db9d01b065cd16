//! Every series, declared once. docs/metrics.md has the same table.

/// What a series is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One series, or one for each value of its labels. No label has a name, an id or a path of anybody's: their values are
/// words of this program.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

macro_rules! series {
    ($($constant:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub const $constant: &str = $name;)+

        /// Every series there is.
        pub const ALL: &[Series] = &[$(Series {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        },)+];
    };
}

series! {
    HTTP_REQUEST_SECONDS Histogram "cloakroom_http_request_seconds" ["route", "status"]
        "How long requests took until their answer began, by route and status; the count is that of requests";
    REDEMPTIONS_TOTAL Counter "cloakroom_redemptions_total" ["answer"]
        "Tickets that were redeemed, by GET or HEAD: OK, or the code of the refusal";
    FAILURES_TOTAL Counter "cloakroom_failures_total" ["code"]
        "Requests that failed on the server's side, in GraphQL's answers of status 200 as well: INTERNAL, UNAVAILABLE, STORAGE_FULL";
    RECEIVED_BYTES_TOTAL Counter "cloakroom_received_bytes_total" []
        "Bytes that came in by connections";
    SENT_BYTES_TOTAL Counter "cloakroom_sent_bytes_total" []
        "Bytes that went out by connections. What nginx sends by X-Accel-Redirect is not among them";
    CONNECTIONS Gauge "cloakroom_connections" []
        "Connections that are open";
    SOCKETS Gauge "cloakroom_sockets" []
        "WebSockets that are open";
    SESSIONS Gauge "cloakroom_sessions" []
        "Sessions that have not ended, of all instances";
    UPLOADS_UNDER_WAY Gauge "cloakroom_uploads_under_way" []
        "Uploads that this instance is receiving";
    RESUMABLE_UPLOADS Gauge "cloakroom_resumable_uploads" []
        "Unfinished resumable uploads of all instances: those that are paused, and those under way";
    DATABASE_SECONDS Histogram "cloakroom_database_seconds" ["operation"]
        "How long reads and writes of the database took, with the wait for their turn";
    DATABASE_ERRORS_TOTAL Counter "cloakroom_database_errors_total" ["operation"]
        "Reads and writes of the database that failed";
    DATABASE_UP Gauge "cloakroom_database_up" []
        "1 when the database answered while these figures were gathered";
    STORAGE_SECONDS Histogram "cloakroom_storage_seconds" ["operation"]
        "How long the storage took to finish, open and delete content";
    STORAGE_ERRORS_TOTAL Counter "cloakroom_storage_errors_total" []
        "Steps of the storage that failed";
    SCANS_TOTAL Counter "cloakroom_scans_total" ["answer"]
        "Files that were given to the scanner, by its answer: clean, found, away; busy where its turn did not come in time";
    WEBHOOK_DELIVERIES_TOTAL Counter "cloakroom_webhook_deliveries_total" ["outcome"]
        "Events that were sent to webhooks: acknowledged; refused, gone (answers that are no success); unreachable; forbidden (an address inside)";
    WEBHOOK_LAG_SECONDS Gauge "cloakroom_webhook_lag_seconds" []
        "How long ago the oldest event happened that waits for a webhook which is not paused, of all instances; 0 where none waits";
    WEBHOOK_MISSED Gauge "cloakroom_webhook_missed" []
        "Events that webhooks were never told of, because they were swept or left out, of all instances";
    WEBHOOKS_PAUSED Gauge "cloakroom_webhooks_paused" []
        "Webhooks that are paused, of all instances";
    DISK_FREE_BYTES Gauge "cloakroom_disk_free_bytes" []
        "Room on the disk of DATA_DIR";
    BATCH_ITEMS Histogram "cloakroom_batch_items" ["queue"]
        "How many items were served together, by queue; of `database writer`, how many writes shared a commit";
    QUEUE_LENGTH Gauge "cloakroom_queue_length" ["queue"]
        "How many wait in a queue, those being served included";
    DROPPED_TOTAL Counter "cloakroom_dropped_total" ["queue"]
        "What found no room in a queue, or was not taken: lines of the log, events of the audit trail, passwords to be hashed, spans of traces";
    SWEPT_TOTAL Counter "cloakroom_swept_total" ["sweep"]
        "Rows that the janitor's sweeps have handled";
    SWEEP_ERRORS_TOTAL Counter "cloakroom_sweep_errors_total" ["sweep"]
        "Sweeps that failed";
    SWEPT_AT_SECONDS Gauge "cloakroom_swept_at_seconds" []
        "When the janitor last ended all its sweeps, in seconds since 1970";
    SILENT_TASKS Gauge "cloakroom_silent_tasks" []
        "Tasks of the process that stand still";
    BUILD_INFO Gauge "cloakroom_build_info" ["version"]
        "1, with the version of the program";
}
