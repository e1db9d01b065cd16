//! An account.

use sea_orm::{
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};

use crate::Timestamp;

/// What an account may do besides having files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(8))",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Role {
    User,
    /// Looks after the accounts of others.
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As the user wrote it at sign-up.
    pub username: String,
    /// The form names are compared by; see `domain::accounts`.
    #[sea_orm(unique)]
    pub username_key: String,
    /// A PHC string, argon2id; [`NO_PASSWORD`] where none signs the user in. Read it by [`Model::hash_of_password`].
    pub password_hash: String,
    pub disabled: bool,
    /// Grows when credentials change; whatever carries an older number is void.
    pub credential_epoch: i64,
    /// Bytes of every file the user owns, those in the trash included.
    pub used_bytes: i64,
    /// The part of `used_bytes` that is in the trash.
    pub trashed_bytes: i64,
    /// Bytes that uploads on their way in may still add.
    pub reserved_bytes: i64,
    /// How many files the user owns, those in the trash included.
    pub file_count: i64,
    pub created_at: Timestamp,
    pub role: Role,
    /// Bytes that the user may keep, in place of what the configuration says for all.
    pub quota_bytes: Option<i64>,
}

/// In the place of a hash: no password is right.
pub const NO_PASSWORD: &str = "";

impl Model {
    /// The hash of the user's password, where there is one.
    pub fn hash_of_password(&self) -> Option<String> {
        (self.password_hash != NO_PASSWORD).then(|| self.password_hash.clone())
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The users who are administrators, disabled ones too. The value is no parameter, so that both databases know their index of
/// them.
pub fn administrators() -> Expr {
    Column::Role.into_expr().eq(Expr::cust("'ADMIN'"))
}
