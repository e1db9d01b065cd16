//! Bytes on their way into an object store. What is less than a part waits in memory, and goes by one request; more goes in
//! parts of the final object, two at a time.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::{client::Client, memory::Share, multipart::Part, unsent::Unsent};
use crate::{
    config::{least_part_bytes, part_bytes},
    error::{Error, Result},
    storage::{ContentKey, Parts, Progress},
};

/// The highest number of a part.
const NUMBER_MAX: u32 = 10_000;
/// Parts of one upload that are being sent at once.
const AT_ONCE: usize = 2;
/// So little is held without counting: very many small files arrive at once.
const UNCOUNTED_BYTES: u64 = 64 << 10;

/// The bytes of one content on their way. Dropping it ends what is being sent, and leaves the rest to whoever owns its row.
#[derive(Debug)]
pub struct Upload {
    client: Arc<Client>,
    memory: Share,
    key: ContentKey,
    part_bytes: u64,
    /// How long a part is at least that is not the last one.
    least_part_bytes: u64,
    /// The store's id for an upload in parts, once there is one.
    id: Option<String>,
    /// What waits until it is a part.
    unsent: Unsent,
    sending: VecDeque<Sending>,
    /// The parts that the store has, of this request.
    parts: Vec<Part>,
    next_number: u32,
    /// Where requests follow one another: the numbers below this are for this one.
    numbers_end: Option<u32>,
    /// How many bytes came.
    written: u64,
    /// How many of them are in parts that the store has, without a gap.
    stored: u64,
    /// Where the last part ended whose end was told by [`Self::progress`].
    covered: Option<u64>,
    /// Whether all of it is an object already.
    is_object: bool,
}

/// A part that is being sent.
#[derive(Debug)]
struct Sending(JoinHandle<Result<Part>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Upload {
    pub(super) fn new(client: &Arc<Client>, memory: Share, key: &ContentKey, at_most: u64) -> Self {
        Self {
            client: Arc::clone(client),
            memory,
            key: key.clone(),
            part_bytes: part_bytes(at_most),
            least_part_bytes: least_part_bytes(at_most),
            id: None,
            unsent: Unsent::default(),
            sending: VecDeque::new(),
            parts: Vec::new(),
            next_number: 1,
            numbers_end: None,
            written: 0,
            stored: 0,
            covered: None,
            is_object: false,
        }
    }

    /// The same, with what earlier requests have brought: the upload's id, the number of the next part, and how many bytes
    /// are in the parts before.
    pub(in crate::storage) fn resumed(
        self,
        (id, next_number, stored): (Option<String>, u32, u64),
    ) -> Self {
        Self {
            id,
            next_number,
            numbers_end: Some(next_number),
            written: stored,
            stored,
            ..self
        }
    }

    /// How long its parts are, and how much the present one lacks.
    pub(in crate::storage) fn part(&self) -> (u64, u64) {
        (self.part_bytes, self.part_bytes - self.unsent.bytes())
    }

    /// How many bytes wait, and in how many pieces.
    pub(in crate::storage) fn waiting(&self) -> (u64, usize) {
        (self.unsent.bytes(), self.unsent.pieces())
    }

    /// Whether `bytes` more make it longer than one part, and the store has not begun it yet. What later requests may go on
    /// with is parted as soon as it can be.
    pub(in crate::storage) fn is_to_be_parted(&self, bytes: u64) -> bool {
        let most = match self.numbers_end {
            Some(_) => self.least_part_bytes - 1,
            None => self.part_bytes,
        };
        self.id.is_none() && bytes > 0 && self.unsent.bytes() + bytes > most
    }

    /// The number from which on more have to be noted before the next part but one is sent.
    pub(in crate::storage) fn lacks_numbers(&self) -> Option<u32> {
        let lacks = self
            .numbers_end
            .is_some_and(|end| self.next_number + 2 > end);
        lacks.then_some(self.next_number)
    }

    pub(in crate::storage) fn may_number(&mut self, end: u32) {
        self.numbers_end = Some(end);
    }

    /// Has the store begin an upload in parts. Its id has to be noted before anything is sent by [`Self::goes_by`].
    pub(in crate::storage) async fn begin_parts(&self) -> Result<String> {
        Ok(self.client.begin_parts(&self.key.object_name()).await?)
    }

    /// From now on it goes in parts of the upload `id`.
    pub(in crate::storage) fn goes_by(&mut self, id: String) {
        self.id = Some(id);
    }

    pub(in crate::storage) fn is_in_parts(&self) -> bool {
        self.id.is_some()
    }

    /// Waits for the memory that `bytes` more take, before they are here. Later ones wait when they come.
    pub(in crate::storage) async fn make_room(&mut self, bytes: u64) -> Result<()> {
        // What waits is longer than a part where the file was to be longer when it came.
        self.part_bytes = self.part_bytes.max(self.unsent.bytes() + bytes);
        if !self.unsent.is_counted() && self.unsent.bytes() + bytes > UNCOUNTED_BYTES {
            self.unsent.count(self.memory.take(self.part_bytes).await?);
        }
        Ok(())
    }

    /// Adds `pieces`. Where they fill a part, the part is sent with the next ones: the last part of all is sent in the end.
    /// No pieces go beyond the end of a part.
    pub(in crate::storage) async fn append<T: Send + 'static>(
        &mut self,
        pieces: Vec<Bytes>,
        beside: impl FnOnce(&[Bytes]) -> T + Send + 'static,
    ) -> Result<T> {
        let bytes = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
        if bytes > 0 && self.unsent.bytes() == self.part_bytes {
            self.send_rest().await?;
        }
        self.make_room(bytes).await?;
        let mut unsent = std::mem::take(&mut self.unsent);
        let add = move || {
            pieces.iter().for_each(|piece| unsent.push(piece));
            let besides = beside(&pieces);
            (unsent, besides)
        };
        let added = tokio::task::spawn_blocking(add).await;
        let (unsent, besides) = added.map_err(Error::internal)?;
        self.unsent = unsent;
        self.written += bytes;
        Ok(besides)
    }

    /// Takes `pieces`, which are all there are and few.
    pub(in crate::storage) fn hold(&mut self, pieces: Vec<Bytes>) {
        pieces.iter().for_each(|piece| self.unsent.push(piece));
        self.written = self.unsent.bytes();
    }

    /// Begins to send what waits as a part; waits until others of this upload are sent, where there are too many.
    async fn send_rest(&mut self) -> Result<()> {
        let id = self.id.clone();
        let id = id.ok_or_else(|| Error::internal("a part has no upload to go to"))?;
        while self.sending.len() >= AT_ONCE {
            self.sent().await?;
        }
        if self.next_number > NUMBER_MAX
            || self.numbers_end.is_some_and(|end| self.next_number >= end)
        {
            return Err(Error::internal("an upload has no numbers for more parts"));
        }
        let (pieces, sha256, memory) = std::mem::take(&mut self.unsent).whole();
        let (client, name) = (Arc::clone(&self.client), self.key.object_name());
        let number = self.next_number;
        self.next_number += 1;
        let sending = tokio::spawn(async move {
            // Named here, or it would not be part of this task, and be given back at once.
            let _memory = memory;
            let put = client.put_part(&name, &id, (number, &pieces), sha256);
            Ok(put.await?)
        });
        self.sending.push_back(Sending(sending));
        Ok(())
    }

    /// Waits for the part that was sent first.
    async fn sent(&mut self) -> Result<()> {
        let Some(mut first) = self.sending.pop_front() else {
            return Ok(());
        };
        let part = (&mut first.0).await.map_err(Error::internal)??;
        self.stored += part.bytes;
        self.parts.push(part);
        Ok(())
    }

    /// Sends all that waits, and waits until the store has it.
    pub(in crate::storage) async fn flush(&mut self) -> Result<()> {
        if self.unsent.bytes() > 0 {
            self.send_rest().await?;
        }
        self.settle_parts().await
    }

    /// Waits until the store has what is being sent.
    pub(in crate::storage) async fn settle_parts(&mut self) -> Result<()> {
        while !self.sending.is_empty() {
            self.sent().await?;
        }
        Ok(())
    }

    /// Takes what waits out of the memory that it takes: all but the last step is done, where that can be done already.
    pub(in crate::storage) async fn settle(&mut self) -> Result<()> {
        match self.is_in_parts() {
            true => self.flush().await,
            false if self.unsent.bytes() <= UNCOUNTED_BYTES => Ok(()),
            false => self.put().await,
        }
    }

    async fn put(&mut self) -> Result<()> {
        let (pieces, sha256, _memory) = std::mem::take(&mut self.unsent).whole();
        let name = self.key.object_name();
        self.client.put(&name, &pieces, &sha256).await?;
        self.is_object = true;
        Ok(())
    }

    /// Makes what came the content of its key, with the parts that earlier requests have brought before those of this one.
    pub(in crate::storage) async fn finish(mut self, earlier: Vec<Part>) -> Result<u64> {
        let Some(id) = self.id.clone() else {
            if !self.is_object {
                self.put().await?;
            }
            return Ok(self.written);
        };
        self.flush().await?;
        let parts = [earlier, std::mem::take(&mut self.parts)].concat();
        let name = self.key.object_name();
        self.client.complete(&name, &id, &parts).await?;
        Ok(parts.iter().map(|part| part.bytes).sum())
    }

    /// How far the bytes have come. The end of a part is told once all bytes before it are here, and before those behind it
    /// come.
    pub(in crate::storage) async fn progress(&mut self) -> Result<Progress> {
        while self
            .sending
            .front()
            .is_some_and(|first| first.0.is_finished())
        {
            self.sent().await?;
        }
        if self.covered.is_none_or(|covered| covered <= self.stored)
            && self.unsent.bytes() == self.part_bytes
        {
            self.covered = Some(self.written);
        }
        Ok(Progress {
            covered: self.covered,
            durable: self.stored,
        })
    }

    /// Has the store take what is long enough for a part, and leaves the rest to be kept elsewhere.
    pub(in crate::storage) async fn checkpoint(&mut self) -> Result<()> {
        if self.is_in_parts() && self.unsent.bytes() >= self.least_part_bytes {
            self.send_rest().await?;
        }
        self.settle_parts().await
    }

    /// How many bytes are in parts that were not taken by [`Self::take_parts`], or on their way to be.
    pub(in crate::storage) fn unnamed_bytes(&self) -> u64 {
        let sent: u64 = self.parts.iter().map(|part| part.bytes).sum();
        sent + (self.written - self.unsent.bytes() - self.stored)
    }

    /// The parts that end at `bytes` or before and were not taken before, and what is no part yet where `bytes` are all.
    pub(in crate::storage) fn take_parts(&mut self, bytes: u64) -> Parts {
        let mut end = self.stored;
        let mut ended = self.parts.len();
        while end > bytes && ended > 0 {
            ended -= 1;
            end -= self.parts[ended].bytes;
        }
        let tail = match bytes == self.written && self.sending.is_empty() {
            true => self.unsent.copy(),
            false => Vec::new(),
        };
        Parts {
            parts: self.parts.drain(..ended).collect(),
            tail,
            next: self.next_number,
        }
    }
}
