//! By which drop a file came.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dropped_file")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: Uuid,
    pub drop_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::file::Entity",
        from = "Column::FileId",
        to = "super::file::Column::Id"
    )]
    File,
    #[sea_orm(
        belongs_to = "super::drop::Entity",
        from = "Column::DropId",
        to = "super::drop::Column::Id"
    )]
    Drop,
}

impl Related<super::drop::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Drop.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
