//! What a server in this process keeps: rows, and content wherever it is.

use std::{path::PathBuf, time::Duration};

use cloakroom::{
    clock,
    storage::{ContentKey, Storage},
};
use entity::{Timestamp, discarded_content};
use futures_util::TryStreamExt;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::{TestApp, rows};

impl TestApp {
    /// The files below the data directory's `content` and `staging`: what is on disk of people's bytes. The content
    /// directory's mark is not among them.
    pub fn stored(&self) -> Vec<PathBuf> {
        let data = &self.app.config.storage.data_dir;
        let mut found = Vec::new();
        let mut open = vec![data.join("content"), data.join("staging")];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path)
                } else if path != data.join("content/installation") {
                    found.push(path)
                }
            }
        }
        found
    }

    /// How many contents there are, finished or on their way in, wherever they are kept.
    pub async fn contents(&self) -> usize {
        match &self.app.storage {
            Storage::Local(_) => self.stored().len(),
            storage @ Storage::S3(_) => {
                let begun = storage.begun(&Default::default()).await.unwrap().0.len();
                begun + storage.keys().try_collect::<Vec<_>>().await.unwrap().len()
            }
        }
    }

    /// Notes that these contents were discarded so long ago, and are to be removed.
    pub async fn note_discarded(&self, keys: &[ContentKey], ago: Duration) {
        let at = clock::before(self.app.clock.now(), ago);
        let notes = keys.iter().map(|key| discarded_content::Model {
            content_key: key.to_string(),
            discarded_at: at,
            multipart_id: None,
            not_before: Timestamp(0),
            settled_at: Timestamp(0),
        });
        let notes: Vec<_> = notes.map(|it| it.into_active_model().reset_all()).collect();
        let note = self.app.db.write(move |transaction| {
            Box::pin(async move {
                discarded_content::Entity::insert_many(notes)
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        });
        note.await.unwrap();
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) AS number FROM \"{table}\""))
            .await
    }

    /// What a query says is `number`.
    pub async fn number(&self, query: &str) -> i64 {
        rows::number(&self.app.db, query).await
    }

    /// What a query says is `text`.
    pub async fn text(&self, query: &str) -> String {
        let query = format!("SELECT text, text FROM ({query}) AS found");
        let (text, _) = rows::pairs(&self.app.db, &query).await.pop().unwrap();
        text
    }

    /// Waits until no request holds a resumable upload: in a store, a request lets go after its answer, and a sweep leaves alone
    /// what is held.
    pub async fn all_let_go(&self) {
        let held = "SELECT COUNT(*) AS number FROM resumable_upload WHERE is_held";
        self.eventually("requests let go of their uploads", async |server| {
            server.number(held).await == 0
        })
        .await;
    }

    /// Waits until nothing is left of any upload but `files` files.
    pub async fn only_files_stay(&self, files: usize) {
        let rows = i64::try_from(files).unwrap();
        self.eventually("what an upload left behind goes", async |server| {
            // A note of what was removed from a store stays until nothing can write it again.
            let notes = "SELECT COUNT(*) AS number FROM discarded_content WHERE not_before = 0";
            server.rows("upload").await == 0
                && server.number(notes).await == 0
                && server.rows("file").await == rows
                && server.contents().await == files
        })
        .await;
        let reserved =
            "SELECT CAST(COALESCE(SUM(reserved_bytes), 0) AS BIGINT) AS number FROM \"user\"";
        assert_eq!(self.number(reserved).await, 0, "quota is held back");
    }

    /// Waits until nothing is left of any upload.
    pub async fn nothing_stays(&self) {
        self.only_files_stay(0).await;
    }
}
