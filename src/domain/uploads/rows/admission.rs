//! Which uploads become files: their payers are to have room for them, and their drops.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::{Outcome, Stored};
use crate::{
    db::Transaction,
    domain::{
        drops::{self, Place},
        quota::{self, Admission, Change},
    },
    error::{Error, Result},
};

/// Accounts for the groups that may be committed, and says which those are.
pub(super) async fn admit(
    transaction: &Transaction,
    groups: &[Vec<Stored>],
    pending: &HashMap<Uuid, i64>,
    max_files: u32,
) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Swept; groups.len()];
    // Ordered, or two transactions could wait for each other. A drop is held after its owner, who pays for what comes by it.
    let mut by_payer: BTreeMap<_, Vec<Asks<'_>>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        if let (Some(first), Some(change)) = (group.first(), change(group, pending)) {
            let payer = (first.payer.id, first.payer.epoch);
            let asks = Asks {
                index,
                first,
                change,
            };
            by_payer.entry(payer).or_default().push(asks);
        }
    }
    for (payer, asks) in by_payer {
        let (mut dropped, own): (Vec<_>, Vec<_>) = asks
            .into_iter()
            .partition(|asks| asks.first.drop_id.is_some());
        dropped.sort_by_key(|asks| asks.first.drop_id);
        let all = own
            .iter()
            .fold(Change::default(), |sum, asks| sum + asks.change);
        let together = match own.is_empty() {
            true => Admission::Admitted,
            false => quota::admit(transaction, payer, all, max_files).await?,
        };
        for asks in own {
            let admission = match together {
                Admission::TooMany => {
                    quota::admit(transaction, payer, asks.change, max_files).await?
                }
                for_all => for_all,
            };
            outcomes[asks.index] = admission.into();
        }
        // One after the other: what is refused must not have taken, for a moment, what another needs.
        for asks in dropped {
            outcomes[asks.index] = admit_dropped(transaction, payer, &asks, max_files).await?;
        }
    }
    Ok(outcomes)
}

/// A group that is still pending, and what it changes for its payer.
struct Asks<'g> {
    /// Among all groups.
    index: usize,
    first: &'g Stored,
    change: Change,
}

impl From<Admission> for Outcome {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Admitted => Self::Committed,
            Admission::TooMany => Self::TooMany,
            Admission::Ended => Self::Ended,
        }
    }
}

/// Accounts for a group that came by a drop, with its owner and with the drop, or with neither.
async fn admit_dropped(
    transaction: &Transaction,
    payer: (Uuid, Option<i64>),
    asks: &Asks<'_>,
    max_files: u32,
) -> Result<Outcome> {
    let Some(drop_id) = asks.first.drop_id else {
        return Err(Error::internal("this came by no drop"));
    };
    let admission = quota::admit(transaction, payer, asks.change, max_files).await?;
    if admission != Admission::Admitted {
        return Ok(admission.into());
    }
    let (files, now) = (asks.change.files, asks.first.file.created_at);
    let outcome = match drops::take(transaction, drop_id, files, now).await? {
        Place::Taken => return Ok(Outcome::Committed),
        Place::Full => Outcome::DropFull,
        Place::Closed => Outcome::DropClosed,
    };
    quota::account_for(transaction, payer.0, -asks.change).await?;
    Ok(outcome)
}

/// What becoming files changes for the payer of the uploads; `None` when one of them is pending no more.
fn change(group: &[Stored], pending: &HashMap<Uuid, i64>) -> Option<Change> {
    group.iter().try_fold(Change::default(), |sum, upload| {
        let change = Change {
            used: upload.file.size,
            reserved: -*pending.get(&upload.upload_id)?,
            files: 1,
            ..Change::default()
        };
        Some(sum + change)
    })
}
