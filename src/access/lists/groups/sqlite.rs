//! On SQLite: a look into each group, and then a merge that asks for more where it has taken all of a group. The statements
//! stay prepared.

use std::{
    collections::{BinaryHeap, VecDeque},
    sync::LazyLock,
};

use entity::Timestamp;
use rusqlite::{CachedStatement, Connection};
use sea_orm::sea_query::{Expr, SqliteQueryBuilder};
use uuid::Uuid;

use super::{Asked, Shared, Wanted, groups_of, scan};

/// The groups of the user who is parameter 1, while the credentials of the epoch that is parameter 2 are valid.
static GROUPS: LazyLock<String> = LazyLock::new(|| {
    let [user_id, epoch] = ["?1", "?2"].map(Expr::cust);
    groups_of(user_id, epoch).to_string(SqliteQueryBuilder)
});

/// Files of one group, from the new end and from the old end of a range: so many as parameter 6 says.
static FILES: LazyLock<[String; 2]> = LazyLock::new(|| {
    ["DESC", "ASC"].map(|order| {
        let [group_id, user_id, now, above, below] = ["?1", "?2", "?3", "?4", "?5"].map(Expr::cust);
        let files = scan(Asked {
            group_id,
            user_id,
            now,
            above,
            below,
        });
        let files = files.to_string(SqliteQueryBuilder);
        format!("{files} ORDER BY \"share\".\"file_id\" {order} LIMIT ?6")
    })
});

/// One group, and what was read of it and is not taken yet.
struct Group {
    id: Uuid,
    read: VecDeque<Shared>,
    /// Whether there may be more than was read.
    goes_on: bool,
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) fn find(connection: &Connection, wanted: Wanted) -> rusqlite::Result<Vec<Shared>> {
    // One look at the database for all.
    let _together = connection.unchecked_transaction()?;
    let mut groups = connection.prepare_cached(&GROUPS)?;
    let groups = groups.query_map((wanted.user_id.as_bytes(), wanted.epoch), |row| {
        Ok(Group {
            id: Uuid::from_bytes(row.get(0)?),
            read: VecDeque::new(),
            goes_on: true,
        })
    })?;
    let groups = groups.collect::<rusqlite::Result<Vec<_>>>()?;
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let [forward, backward] = &*FILES;
    let sql = if wanted.backward { backward } else { forward };
    let statement = connection.prepare_cached(sql)?;
    Merge {
        each: wanted.files.div_ceil(groups.len().try_into().unwrap_or(1)),
        wanted,
        statement,
        groups,
        heads: BinaryHeap::new(),
    }
    .run()
}

struct Merge<'c> {
    wanted: Wanted,
    statement: CachedStatement<'c>,
    groups: Vec<Group>,
    /// The next file of each group, as its rank in the list, and the number of the group.
    heads: BinaryHeap<(u128, usize)>,
    /// How many files to ask a group for.
    each: u64,
}

impl Merge<'_> {
    fn run(mut self) -> rusqlite::Result<Vec<Shared>> {
        for number in 0..self.groups.len() {
            self.put(number, None)?;
        }
        let (mut found, mut files, mut last) = (Vec::new(), 0, None);
        while let Some((rank, number)) = self.heads.pop() {
            if last != Some(rank) {
                files += 1;
                last = Some(rank);
            }
            if files > self.wanted.files {
                break;
            }
            let next = self.groups.get_mut(number);
            if let Some(shared) = next.and_then(|group| group.read.pop_front()) {
                found.push(shared);
                self.put(number, Some(shared.0))?;
            }
        }
        Ok(found)
    }

    /// Puts the next file of a group after `taken` among the heads, where there is one.
    fn put(&mut self, number: usize, taken: Option<Uuid>) -> rusqlite::Result<()> {
        let (wanted, each) = (self.wanted, self.each);
        let Some(group) = self.groups.get_mut(number) else {
            return Ok(());
        };
        if group.read.is_empty() && group.goes_on {
            let (above, below) = match wanted.backward {
                true => (taken.unwrap_or(wanted.above), wanted.below),
                false => (wanted.above, taken.unwrap_or(wanted.below)),
            };
            group.read = read(&mut self.statement, group.id, wanted, (above, below), each)?;
            group.goes_on = group.read.len() as u64 == each;
        }
        if let Some((file_id, _)) = group.read.front() {
            let rank = file_id.as_u128();
            let rank = if wanted.backward { !rank } else { rank };
            self.heads.push((rank, number));
        }
        Ok(())
    }
}

fn read(
    statement: &mut CachedStatement<'_>,
    group_id: Uuid,
    wanted: Wanted,
    (above, below): (Uuid, Uuid),
    most: u64,
) -> rusqlite::Result<VecDeque<Shared>> {
    let parameters = (
        group_id.as_bytes(),
        wanted.user_id.as_bytes(),
        wanted.now.0,
        above.as_bytes(),
        below.as_bytes(),
        i64::try_from(most).unwrap_or(i64::MAX),
    );
    let rows = statement.query_map(parameters, |row| {
        let end = row.get::<_, Option<i64>>(1)?.map(Timestamp);
        Ok((Uuid::from_bytes(row.get(0)?), end))
    })?;
    rows.collect()
}
