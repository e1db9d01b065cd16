//! The lists that files are in, as they are searched and sorted: one row for the owner of a live file, and one for each
//! share.

use sea_orm::entity::prelude::*;

/// Which kind of list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum List {
    /// The live files of an owner.
    Own = 0,
    /// What is shared with a user, with a group, and with everyone signed in.
    User = 1,
    Group = 2,
    Authenticated = 3,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "listed_file")]
pub struct Model {
    /// The full-text index knows the row by it.
    #[sea_orm(primary_key)]
    pub id: i64,
    pub list: List,
    /// Whose list: the owner's id, or that of the audience of the share.
    pub reader_id: Uuid,
    pub file_id: Uuid,
    /// The share that brings the file into the list; nothing for the owner.
    pub share_id: Option<Uuid>,
    /// The file's name, folded.
    pub name_key: String,
    /// The file's size, which never changes.
    pub size: i64,
    /// The words by which the full-text index finds the row, separated by spaces.
    pub grams: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
