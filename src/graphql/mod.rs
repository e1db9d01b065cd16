//! The GraphQL API, one noun a file: its type, its queries, its mutations.

use std::sync::LazyLock;

use async_graphql::{MergedObject, MergedSubscription, SchemaBuilder, ValidationMode};

use crate::{app::App, config::GraphiQl, error::Error};

mod administration;
mod api_tokens;
mod asker;
mod budget;
mod charges;
mod completion;
pub mod document;
mod drops;
mod events;
mod execute;
mod explanations;
mod file_order;
mod files;
mod groups;
mod json;
mod limits;
mod links;
mod list;
mod loaders;
mod node;
mod object;
mod pagination;
mod persisted;
mod prepare;
mod resumable_uploads;
mod scalars;
mod shares;
mod sign_ins;
mod tickets;
mod types;
mod uploads;
mod users;

pub use asker::Asker;
use asker::ContextExt;
pub use budget::too_large;
pub use document::Unfit;
pub use execute::{execute, execute_event};
pub use json::{length as written_length, write as write_json};
pub use pagination::Keyset;
pub use persisted::{Hash, Persisted};
use prepare::Preparing;
pub use prepare::{Asked, Prepared, Source, prepare};
pub use uploads::ReceivedFiles;

/// Everything that can be asked.
#[derive(Default, MergedObject)]
pub struct Query(
    users::UserQueries,
    files::FileQueries,
    events::EventQueries,
    explanations::ExplanationQueries,
    tickets::TicketQueries,
    api_tokens::ApiTokenQueries,
    sign_ins::SignInQueries,
    links::LinkQueries,
    drops::DropQueries,
    groups::GroupQueries,
    resumable_uploads::ResumableUploadQueries,
    limits::LimitsQueries,
    node::NodeQueries,
    administration::AdministrationQueries,
);

/// Everything that can be done.
#[derive(Default, MergedObject)]
pub struct Mutation(
    users::UserMutations,
    api_tokens::ApiTokenMutations,
    sign_ins::SignInMutations,
    uploads::UploadMutations,
    resumable_uploads::ResumableUploadMutations,
    files::FileMutations,
    shares::ShareMutations,
    drops::DropMutations,
    groups::GroupMutations,
    administration::AdministrationMutations,
);

/// Everything that can be waited for.
#[derive(Default, MergedSubscription)]
pub struct Subscription(events::EventSubscription);

type Library = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema that requests run against.
#[derive(Clone)]
pub struct Schema {
    /// For small queries: lists charge the budget.
    plain: Library,
    /// For all else: each value does, which costs more than such a query.
    charged: Library,
    /// Whether it describes itself.
    introspection: bool,
    preparing: Preparing,
    /// The documents that clients may name by their hash.
    pub persisted: Persisted,
}

/// The schema that requests run against. It describes itself to clients where GraphiQL is on.
pub fn schema(app: &App) -> Schema {
    let builder = || match app.config.graphql.graphiql {
        GraphiQl::On => builder(),
        GraphiQl::Off => builder().disable_introspection(),
    };
    // What the first request would wait for otherwise.
    LazyLock::force(&types::TYPES);
    Schema {
        plain: builder().finish(),
        charged: builder().extension(charges::Charges).finish(),
        introspection: app.config.graphql.graphiql == GraphiQl::On,
        preparing: Preparing::default(),
        persisted: Persisted::new(app.config.persisted_limits()),
    }
}

/// The schema in the schema definition language, as committed in `schema.graphql`.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_enum_items()
        .include_specified_by();
    builder().finish().sdl_with_options(options)
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // `document` has measured and validated every operation before it gets here.
    Library::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .validation_mode(ValidationMode::Fast)
}

impl From<Error> for async_graphql::Error {
    /// The one place where our errors become GraphQL errors. The cause of an internal one stays in the log.
    fn from(error: Error) -> Self {
        error.log();
        let mut extensions = async_graphql::ErrorExtensionValues::default();
        extensions.set("code", error.code.as_str());
        for (name, fact) in error.facts {
            let mut fact = async_graphql::Value::from_json(fact).unwrap_or_default();
            if let async_graphql::Value::String(text) = &mut fact {
                cut(text);
            }
            extensions.set(name, fact);
        }
        let mut message = error.detail;
        cut(&mut message);
        Self {
            message,
            source: None,
            extensions: Some(extensions),
        }
    }
}

/// The most characters an error's message has: some repeat what was sent, which may be long.
const MESSAGE_MAX: usize = 200;

/// Cuts a message that is too long.
pub fn cut(message: &mut String) {
    if let Some((end, _)) = message.char_indices().nth(MESSAGE_MAX) {
        message.truncate(end);
        message.push('…');
    }
}
