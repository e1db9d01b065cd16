//! Lists of files by an order and a part of a name: their arguments and cursors.

use async_graphql::Enum;
use entity::file;
use uuid::Uuid;

use super::{
    files::File,
    pagination::{Ends, Extent, FileConnection, decode, encode, not_a_cursor},
};
use crate::{
    access::{Order, Part, Place, Sight, SortKey},
    db::{Page, Rows},
    error::{Error, Result},
};

/// The longest part of a name that is searched for, as names are counted: UTF-16 code units.
const SEARCH_MAX: usize = 255;

/// How a list of files is sorted.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Order")]
pub enum FileOrder {
    /// The newest first.
    Created,
    /// By name without regard to case, ascending, character by character as Unicode numbers them.
    Name,
    /// The largest first.
    Size,
}

/// The lists that can be sorted. A cursor is of one of them.
#[derive(Clone, Copy)]
pub enum Sortable {
    Own,
    SharedWithMe,
}

/// What part of which list is asked for.
pub struct Sorted {
    list: Sortable,
    pub part: Part,
}

/// The arguments of a list that can be sorted.
pub struct Arguments {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
    pub search: Option<String>,
    pub order: FileOrder,
}

impl Sorted {
    /// `BAD_USER_INPUT` for a number of rows that no page has, a cursor of something else, and a part that no name is long
    /// enough for.
    pub fn new(list: Sortable, arguments: Arguments) -> Result<Self> {
        let extent = Extent::of(arguments.first, arguments.last)?;
        let order = Order::from(arguments.order);
        let search = arguments.search.unwrap_or_default();
        if search.encode_utf16().count() > SEARCH_MAX {
            return Err(Error::bad_input(
                "search",
                format!("No name is longer than {SEARCH_MAX} UTF-16 code units."),
            ));
        }
        let place = |field, cursor: Option<String>| {
            let place =
                cursor.map(|cursor| place(list, order, &cursor).ok_or_else(|| not_a_cursor(field)));
            place.transpose()
        };
        Ok(Self {
            list,
            part: Part {
                order,
                name: entity::fold(&search),
                limit: extent.limit,
                after: place("after", arguments.after)?,
                before: place("before", arguments.before)?,
                backward: extent.backward,
            },
        })
    }

    /// The same page of the whole list by creation, where no more is asked for.
    pub fn page(&self) -> Option<Page> {
        let part = &self.part;
        let is_plain = part.order == Order::Created && part.name.is_empty();
        is_plain.then(|| Page {
            limit: part.limit,
            after: part.after.as_ref().map(|place| place.id),
            before: part.before.as_ref().map(|place| place.id),
            backward: part.backward,
        })
    }

    pub fn connection(&self, rows: Rows<impl Into<Sight>>) -> FileConnection {
        let ends = Ends {
            after: self.part.after.is_some(),
            before: self.part.before.is_some(),
            backward: self.part.backward,
        };
        let (list, order) = (self.list, self.part.order);
        let cursor = move |file: &File| cursor(list, order, &file.0);
        FileConnection::sorted(ends, rows.map(File::from), cursor)
    }
}

/// The list and order, the id, and what the file is sorted by.
fn cursor(list: Sortable, order: Order, file: &file::Model) -> String {
    let place = Place::of(order, file);
    let mut cursor = vec![tag(list, order)];
    cursor.extend(place.id.as_bytes());
    match place.key {
        SortKey::Created => {}
        SortKey::Name(name) => cursor.extend(name.into_bytes()),
        SortKey::Size(size) => cursor.extend(size.to_be_bytes()),
    }
    encode(&cursor)
}

fn tag(list: Sortable, order: Order) -> u8 {
    let list = match list {
        Sortable::Own => 0x10,
        Sortable::SharedWithMe => 0x20,
    };
    let order = match order {
        Order::Created => 1,
        Order::Name => 2,
        Order::Size => 3,
    };
    list | order
}

/// The place that a cursor of this list and order stands for.
fn place(list: Sortable, order: Order, cursor: &str) -> Option<Place> {
    let cursor = decode(cursor)?;
    let (first, rest) = cursor.split_first()?;
    if *first != tag(list, order) {
        return None;
    }
    let (id, key) = rest.split_at_checked(16)?;
    let key = match order {
        Order::Created => key.is_empty().then_some(SortKey::Created)?,
        Order::Name => {
            let name = String::from_utf8(key.to_vec()).ok()?;
            // No name has it, and PostgreSQL takes no text with it.
            (!name.contains('\0')).then_some(SortKey::Name(name))?
        }
        Order::Size => SortKey::Size(i64::from_be_bytes(key.try_into().ok()?)),
    };
    Some(Place {
        key,
        id: Uuid::from_slice(id).ok()?,
    })
}
