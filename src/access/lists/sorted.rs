//! Lists of files by any order and part of a name, at a cost that does not grow with the list.
//!
//! Each order has an index, so a page is found by walking along it. A part of a name makes that long where few names have
//! it; then the full-text index says which do. Neither is short for every part: many names may have it, and all of them lie
//! far from the page. So both are tried in turn, at first for a few thousand rows, and then for more.

use std::{cmp::Ordering, collections::HashMap, iter};

use entity::{file, listed_file::List};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    super::{
        Access, Owned, Readable,
        audiences::EVERYONE,
        facts::is_in,
        policy::{Facts, Grant, State},
        shares::shares_that_reach,
        sight,
    },
    files_and_facts, still_active,
};
use crate::{
    auth::Viewer,
    db::{Page, Rows},
    error::Result,
};
use scan::Scan;

mod postgres;
mod scan;
mod sqlite;
mod statements;

/// Rows that are walked at first, and rows that the full-text index is asked for, before the other way is tried.
const WALK: u64 = 2000;
/// So much longer is each further try.
const LONGER: u64 = 4;

/// By what a list of files is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest file first.
    Created,
    /// By the folded name, ascending.
    Name,
    /// The largest file first.
    Size,
}

/// Where a file is in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub key: SortKey,
    pub id: Uuid,
}

/// What a file is sorted by before its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    Created,
    /// The folded name.
    Name(String),
    Size(i64),
}

impl Place {
    /// Where `file` is in lists of this order.
    pub fn of(order: Order, file: &file::Model) -> Self {
        let key = match order {
            Order::Created => SortKey::Created,
            Order::Name => SortKey::Name(entity::name_key(&file.name)),
            Order::Size => SortKey::Size(file.size),
        };
        Self { key, id: file.id }
    }

    /// Which of two places of one order is first in the list.
    fn before(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (SortKey::Name(one), SortKey::Name(two)) => one.cmp(two).then(self.id.cmp(&other.id)),
            (SortKey::Size(one), SortKey::Size(two)) => two.cmp(one).then(other.id.cmp(&self.id)),
            _ => other.id.cmp(&self.id),
        }
    }
}

/// Which part of a list: `limit` files after one place or before another.
#[derive(Clone, Debug)]
pub struct Part {
    pub order: Order,
    /// A folded part of the names; all names have the empty one.
    pub name: String,
    pub limit: u64,
    pub after: Option<Place>,
    pub before: Option<Place>,
    /// Take the files at the far end of that range.
    pub backward: bool,
}

impl Part {
    /// The order in which files are read.
    fn reading(&self, one: &Place, two: &Place) -> Ordering {
        match self.backward {
            true => two.before(one),
            false => one.before(two),
        }
    }

    /// Where reading begins, and where it ends.
    fn bounds(&self) -> (Option<&Place>, Option<&Place>) {
        match self.backward {
            true => (self.before.as_ref(), self.after.as_ref()),
            false => (self.after.as_ref(), self.before.as_ref()),
        }
    }

    /// Whether a place is in the range.
    fn holds(&self, place: &Place) -> bool {
        let (from, to) = self.bounds();
        from.is_none_or(|from| self.reading(from, place).is_lt())
            && to.is_none_or(|to| self.reading(place, to).is_lt())
    }

    /// Files in the order in which they are read, each once.
    fn sort(&self, places: &mut Vec<Place>) {
        places.sort_by(|one, two| self.reading(one, two));
        places.dedup();
    }
}

/// The live files of `viewer`.
pub async fn files_sorted(
    access: &Access,
    viewer: &Viewer,
    part: &Part,
) -> Result<Rows<Owned<file::Model>>> {
    let places = find(access, viewer, &[(List::Own, viewer.id())], part).await?;
    let ids = places.rows.iter().map(|place| place.id);
    let files = files_and_facts(access, viewer.into(), ids).await?;
    let files = files
        .into_iter()
        .filter_map(|(row, facts)| sight(row, &facts, State::Live, viewer.into()).ok())
        .filter_map(|row| row.into_owned().ok())
        .map(|file| (file.id, file));
    Ok(in_places(places, files.collect()))
}

/// The live files of others that `viewer` is granted sight of, each once.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn shared_sorted(
    access: &Access,
    viewer: &Viewer,
    part: &Part,
) -> Result<Rows<Readable<file::Model>>> {
    let groups = super::super::groups::ids_of_groups(access, viewer).await?;
    let groups = groups.into_iter().map(|id| (List::Group, id));
    let lists: Vec<_> = [(List::User, viewer.id()), (List::Authenticated, EVERYONE)]
        .into_iter()
        .chain(groups)
        .collect();
    let places = find(access, viewer, &lists, part).await?;
    let ids = || places.rows.iter().map(|place| place.id);
    let page = Page::first(part.limit);
    let mut shares = shares_that_reach(access, viewer.id(), ids().collect(), page).await?;
    let others = file::Entity::find()
        .filter(file::Column::Id.is_in(ids()))
        .filter(file::Column::OwnerId.ne(viewer.id()))
        .filter(is_in(State::Live))
        .filter(still_active(viewer.into()));
    let files = access.db.all(others).await?.into_iter();
    let files = files.filter_map(|file| {
        let ends = shares.remove(&file.id)?.into_iter();
        let facts = Facts {
            state: State::Live,
            is_active: true,
            is_owner: false,
            grant: Grant::of(ends.map(|share| share.expires_at)),
        };
        let file = sight(file, &facts, State::Live, viewer.into()).ok()?;
        Some((file.id, file))
    });
    let files = files.collect();
    Ok(in_places(places, files))
}

/// `files` in the order of their places. One that is gone meanwhile leaves a gap, and not the end of the list.
fn in_places<T>(places: Rows<Place>, mut files: HashMap<Uuid, T>) -> Rows<T> {
    let rows = places.rows.iter();
    Rows {
        rows: rows.filter_map(|place| files.remove(&place.id)).collect(),
        more: places.more,
    }
}

/// The places of the files of `part` of these lists together.
async fn find(
    access: &Access,
    viewer: &Viewer,
    lists: &[(List, Uuid)],
    part: &Part,
) -> Result<Rows<Place>> {
    // No name has one, and PostgreSQL takes none.
    if part.name.contains('\0') {
        return Ok(Rows::default());
    }
    let wanted = part.limit + 1;
    let (from, _) = part.bounds();
    let mut scan = Scan {
        part,
        lists,
        from: from.cloned(),
        wanted,
        rows: match part.name.is_empty() {
            true => wanted,
            false => WALK,
        },
        viewer_id: viewer.id(),
        now: access.clock.now(),
    };
    let mut places: Vec<Place> = Vec::new();
    let mut tries = iter::successors(Some(WALK), |rows| Some(rows.saturating_mul(LONGER)));
    loop {
        let found = scan.walk(access).await?;
        // Beyond the nearest place where a walk ended, it is not known what its list has.
        let horizon = found
            .ends
            .into_iter()
            .min_by(|one, two| part.reading(one, two));
        let is_known = |place: &Place| {
            let horizon = horizon.as_ref();
            horizon.is_none_or(|horizon| part.reading(place, horizon).is_le())
        };
        places.extend(found.places.into_iter().filter(is_known));
        part.sort(&mut places);
        if horizon.is_none() || places.len() as u64 >= wanted {
            break;
        }
        let most = tries.next().unwrap_or(u64::MAX);
        if !part.name.is_empty()
            && let Some(all) = scan.matching(access, most).await?
        {
            places = all.into_iter().filter(|place| part.holds(place)).collect();
            part.sort(&mut places);
            break;
        }
        scan.from = horizon;
        scan.rows = scan.rows.saturating_mul(LONGER);
    }
    let limit = usize::try_from(part.limit).unwrap_or(usize::MAX);
    let more = places.len() > limit;
    places.truncate(limit);
    if part.backward {
        places.reverse();
    }
    Ok(Rows { rows: places, more })
}
