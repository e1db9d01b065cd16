//! What an upload does besides where the storage takes bytes in parts: what is to be known of them is noted before it is needed.

use super::{Incoming, digest::Digest};
use crate::{
    error::Result,
    storage::{Part, Writer},
};

impl Incoming {
    /// Has the store begin an upload in parts, and notes it before anything goes by it.
    pub(super) async fn begin_parts(&self, writer: &mut Writer) -> Result<()> {
        let id = writer.begin_parts().await?;
        let epoch = self.kept.as_ref().and_then(|kept| kept.epoch());
        self.record.note_parts(&self.app, &id, epoch).await?;
        writer.goes_by(id);
        Ok(())
    }

    /// Where bytes become content by a step that another request could take as well: notes that this one does, and returns the
    /// parts that earlier ones have brought.
    pub(super) async fn claim_completion(
        &mut self,
        mut writer: Writer,
        digest: &Digest,
    ) -> Result<(Writer, Vec<Part>)> {
        if !writer.is_in_parts() {
            return Ok((writer, Vec::new()));
        }
        let Some(kept) = &mut self.kept else {
            self.record.claim_completion(&self.app).await?;
            return Ok((writer, Vec::new()));
        };
        kept.look_ahead(&mut writer).await?;
        let mut writer = writer.settle().await?;
        let all = (self.size, digest);
        let parts = kept.claim_completion(&mut writer, &self.head, all).await?;
        Ok((writer, parts))
    }
}
