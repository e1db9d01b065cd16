//! Who gets what, field by field and route by route.

pub use Outcome::{Denied, Empty, Hidden, Null, Unauth, Yes};

/// Who asks, in the order of the table's columns. `FILE` is one file to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody; and `FILE` is shared with everyone who is signed in.
    Anonymous,
    /// A user without a share. There was one once.
    Stranger,
    /// A user with a share of their own.
    Recipient,
    /// A user whom only the share with everyone reaches.
    Everyone,
    Owner,
    /// The owner, after the operator disabled the account: the session is from before.
    Disabled,
    /// The owner's program, with a token of scope READ.
    Reader,
    /// The owner's program, with a token of scope WRITE.
    Writer,
}

/// What an actor sees of the field that an operation ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A value.
    Yes,
    /// Null, and no error.
    Null,
    /// An empty list, and no error.
    Empty,
    /// `UNAUTHENTICATED`
    Unauth,
    /// `NOT_FOUND`
    Hidden,
    /// `FORBIDDEN`
    Denied,
}

/// What each actor, in their order, gets of one field.
pub struct Row {
    pub field: &'static str,
    /// `FILE`, `SHARE`, `TRASHED`, `TOKEN`: ids of the owner's; `ME`: the actor's name; `PASSWORD`: everyone's.
    pub operation: &'static str,
    pub outcomes: [Outcome; 8],
}

/// What status each actor, in their order, gets of one route. `TICKET` was issued to the actor while they had sight.
pub struct RouteRow {
    pub route: &'static str,
    pub path: &'static str,
    pub statuses: [u16; 8],
}

const fn row(field: &'static str, operation: &'static str, outcomes: [Outcome; 8]) -> Row {
    Row {
        field,
        operation,
        outcomes,
    }
}

const fn route(route: &'static str, path: &'static str, statuses: [u16; 8]) -> RouteRow {
    RouteRow {
        route,
        path,
        statuses,
    }
}

#[rustfmt::skip]
pub const ROUTES: &[RouteRow] = &[
    //                            ANON STRA RECI EVER OWNE DISA READ WRIT
    route("GET /graphql", "/graphql?query={me{id}}",
                                 [200, 200, 200, 200, 200, 200, 200, 200]),
    route("POST /graphql", "/graphql",
                                 [200, 200, 200, 200, 200, 200, 200, 200]),
    route("GET /graphiql/{*path}", "/graphiql/no-such-file",
                                 [404, 404, 404, 404, 404, 404, 404, 404]),
    route("GET /download/{ticket}", "/download/TICKET",
                                 [404, 403, 200, 200, 200, 403, 200, 200]),
    route("HEAD /download/{ticket}", "/download/TICKET",
                                 [404, 403, 200, 200, 200, 403, 200, 200]),
    route("GET /healthz", "/healthz",
                                 [200, 200, 200, 200, 200, 200, 200, 200]),
    route("GET /readyz", "/readyz",
                                 [200, 200, 200, 200, 200, 200, 200, 200]),
];

#[rustfmt::skip]
pub const FIELDS: &[Row] = &[
    // ANONYMOUS STRANGER RECIPIENT EVERYONE OWNER DISABLED READ WRITE

    row("Query.me", "{ me { id } }",
        [Null,   Yes,    Yes,    Yes,    Yes,    Null,   Yes,    Yes]),
    row("Query.user", "{ user(username: \"olivia\") { id } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Query.file", "{ file(id: FILE) { id } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Query.files", "{ files { nodes { id } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("Query.sharedWithMe", "{ sharedWithMe { nodes { id } } }",
        [Unauth, Empty,  Yes,    Yes,    Empty,  Unauth, Empty,  Empty]),
    row("Query.trash", "{ trash { nodes { id } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("Query.downloadTicket", "{ downloadTicket(fileId: FILE) { url } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Query.apiTokens", "{ apiTokens { id } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Denied, Denied]),
    row("Query.limits", "{ limits { maxPageSize } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),

    row("File.id", "{ file(id: FILE) { id } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.name", "{ file(id: FILE) { name } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.size", "{ file(id: FILE) { size } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.contentType", "{ file(id: FILE) { contentType } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.sha256", "{ file(id: FILE) { sha256 } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.createdAt", "{ file(id: FILE) { createdAt } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.trashedAt", "{ trash { nodes { trashedAt } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("File.owner", "{ file(id: FILE) { owner { id } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.shares", "{ file(id: FILE) { shares { nodes { id } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.downloadTicket", "{ file(id: FILE) { downloadTicket { url } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("File.events", "{ file(id: FILE) { events { edges { cursor } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),

    row("FileConnection.edges", "{ files { edges { cursor } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("FileConnection.nodes", "{ files { nodes { id } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("FileConnection.pageInfo", "{ files { pageInfo { hasNextPage } } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("FileEdge.node", "{ files { edges { node { id } } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("FileEdge.cursor", "{ files { edges { cursor } } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Yes,    Yes]),
    row("PageInfo.hasPreviousPage", "{ files { pageInfo { hasPreviousPage } } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("PageInfo.hasNextPage", "{ files { pageInfo { hasNextPage } } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("PageInfo.startCursor", "{ files { pageInfo { startCursor } } }",
        [Unauth, Null,   Null,   Null,   Yes,    Unauth, Yes,    Yes]),
    row("PageInfo.endCursor", "{ files { pageInfo { endCursor } } }",
        [Unauth, Null,   Null,   Null,   Yes,    Unauth, Yes,    Yes]),

    row("EventConnection.edges", "{ file(id: FILE) { events { edges { cursor } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("EventConnection.pageInfo", "{ file(id: FILE) { events { pageInfo { endCursor } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("EventEdge.node", "{ file(id: FILE) { events { edges { node { id } } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("EventEdge.cursor", "{ file(id: FILE) { events { edges { cursor } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("Event.id", "{ file(id: FILE) { events { edges { node { id } } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("Event.at", "{ file(id: FILE) { events { edges { node { at } } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("Event.kind", "{ file(id: FILE) { events { edges { node { kind } } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("Event.user", "{ file(id: FILE) { events { edges { node { user { id } } } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),
    row("Event.detail", "{ file(id: FILE) { events { edges { node { detail } } } } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Yes,    Yes]),

    row("ShareConnection.edges", "{ file(id: FILE) { shares { edges { cursor } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("ShareConnection.nodes", "{ file(id: FILE) { shares { nodes { id } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("ShareConnection.pageInfo", "{ file(id: FILE) { shares { pageInfo { endCursor } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("ShareEdge.node", "{ file(id: FILE) { shares { edges { node { id } } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("ShareEdge.cursor", "{ file(id: FILE) { shares { edges { cursor } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),

    row("Share.id", "{ file(id: FILE) { shares { nodes { id } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Share.file", "{ file(id: FILE) { shares { nodes { file { id } } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Share.audience", "{ file(id: FILE) { shares { nodes { audience } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    // The one share that reaches everyone names nobody, and the other is none of their business.
    row("Share.user", "{ file(id: FILE) { shares { nodes { user { id } } } } }",
        [Unauth, Hidden, Yes,    Null,   Yes,    Unauth, Yes,    Yes]),
    row("Share.createdAt", "{ file(id: FILE) { shares { nodes { createdAt } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Share.expiresAt", "{ file(id: FILE) { shares { nodes { expiresAt } } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),

    row("User.id", "{ file(id: FILE) { owner { id } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("User.username", "{ file(id: FILE) { owner { username } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("User.createdAt", "{ file(id: FILE) { owner { createdAt } } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("User.usage", "{ file(id: FILE) { owner { usage { usedBytes } } } }",
        [Unauth, Hidden, Null,   Null,   Yes,    Unauth, Yes,    Yes]),
    row("Usage.usedBytes", "{ user(username: \"olivia\") { usage { usedBytes } } }",
        [Unauth, Null,   Null,   Null,   Yes,    Unauth, Yes,    Yes]),
    row("Usage.trashedBytes", "{ user(username: \"olivia\") { usage { trashedBytes } } }",
        [Unauth, Null,   Null,   Null,   Yes,    Unauth, Yes,    Yes]),
    row("Usage.quotaBytes", "{ user(username: \"olivia\") { usage { quotaBytes } } }",
        [Unauth, Null,   Null,   Null,   Yes,    Unauth, Yes,    Yes]),

    row("DownloadTicket.url", "{ downloadTicket(fileId: FILE) { url } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("DownloadTicket.expiresAt", "{ downloadTicket(fileId: FILE) { expiresAt } }",
        [Unauth, Hidden, Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),

    row("ApiToken.id", "{ apiTokens { id } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Denied, Denied]),
    row("ApiToken.name", "{ apiTokens { name } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Denied, Denied]),
    row("ApiToken.scopes", "{ apiTokens { scopes } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Denied, Denied]),
    row("ApiToken.createdAt", "{ apiTokens { createdAt } }",
        [Unauth, Empty,  Empty,  Empty,  Yes,    Unauth, Denied, Denied]),
    row("ApiToken.expiresAt", "{ apiTokens { expiresAt } }",
        [Unauth, Empty,  Empty,  Empty,  Null,   Unauth, Denied, Denied]),
    row("CreatedApiToken.secret", "mutation { createApiToken(name: \"x\", scopes: [READ]) { secret } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Denied, Denied]),
    row("CreatedApiToken.apiToken",
        "mutation { createApiToken(name: \"x\", scopes: [READ]) { apiToken { id } } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Denied, Denied]),

    row("Limits.maxFileSize", "{ limits { maxFileSize } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Limits.maxFilesPerRequest", "{ limits { maxFilesPerRequest } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Limits.maxPageSize", "{ limits { maxPageSize } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Limits.ticketTtlSeconds", "{ limits { ticketTtlSeconds } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Limits.trashTtlSeconds", "{ limits { trashTtlSeconds } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Limits.userQuotaBytes", "{ limits { userQuotaBytes } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Limits.signUpOpen", "{ limits { signUpOpen } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),

    row("Mutation.createApiToken", "mutation { createApiToken(name: \"x\", scopes: [READ]) { secret } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Denied, Denied]),
    row("Mutation.revokeApiToken", "mutation { revokeApiToken(id: TOKEN) }",
        [Unauth, Hidden, Hidden, Hidden, Yes,    Unauth, Denied, Denied]),
    row("Mutation.uploadFile", "mutation($file: Upload!) { uploadFile(file: $file) { id } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Denied, Yes]),
    row("Mutation.uploadFiles", "mutation($file: Upload!) { uploadFiles(files: [$file]) { id } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Denied, Yes]),
    row("Mutation.renameFile", "mutation { renameFile(id: FILE, name: \"x\") { name } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Denied, Yes]),
    row("Mutation.deleteFile", "mutation { deleteFile(id: FILE) }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Denied, Yes]),
    row("Mutation.restoreFile", "mutation { restoreFile(id: TRASHED) { id } }",
        [Unauth, Hidden, Hidden, Hidden, Yes,    Unauth, Denied, Yes]),
    row("Mutation.purgeFile", "mutation { purgeFile(id: TRASHED) }",
        [Unauth, Hidden, Hidden, Hidden, Yes,    Unauth, Denied, Yes]),
    row("Mutation.shareWithUser", "mutation { shareWithUser(fileId: FILE, username: \"sam\") { id } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Denied, Yes]),
    row("Mutation.shareWithAuthenticated", "mutation { shareWithAuthenticated(fileId: FILE) { id } }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Denied, Yes]),
    row("Mutation.revokeShare", "mutation { revokeShare(id: SHARE) }",
        [Unauth, Hidden, Denied, Denied, Yes,    Unauth, Denied, Yes]),

    // These change who the actor is: each runs in a world of its own.
    row("Mutation.signUp", "mutation { signUp(username: \"newcomer\", password: PASSWORD) { id } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Mutation.signIn", "mutation { signIn(username: ME, password: PASSWORD) { id } }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Unauth, Yes,    Yes]),
    row("Mutation.signOut", "mutation { signOut }",
        [Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes,    Yes]),
    row("Mutation.changePassword",
        "mutation { changePassword(current: PASSWORD, new: \"another password\") { id } }",
        [Unauth, Yes,    Yes,    Yes,    Yes,    Unauth, Denied, Denied]),
];
