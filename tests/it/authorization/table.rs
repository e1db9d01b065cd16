//! Who gets what, field by field.

use super::classes::*;

/// What callers get of one field.
#[derive(Clone, Copy)]
pub struct Row {
    pub field: &'static str,
    pub class: Outcomes,
    /// May use the variables of `world::VARIABLES` without declaring them. Selects one field at each level, since the
    /// outcome is that of the last one.
    pub operation: &'static str,
    /// Whether it runs in a world of its own, since it changes who the caller is.
    pub is_alone: bool,
}

const fn row(field: &'static str, class: Outcomes, operation: &'static str) -> Row {
    Row {
        field,
        class,
        operation,
        is_alone: false,
    }
}

impl Row {
    const fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    pub fn is_mutation(&self) -> bool {
        self.operation.starts_with("mutation")
    }
}

/// Tables that an operation may change although it is refused or is a query, and why.
pub const CHANGED_ALL_THE_SAME: &[(&str, &str, &str)] = &[
    (
        "Mutation.signIn",
        "throttle",
        "a try counts, right or wrong",
    ),
    ("Mutation.signIn", "event", "the trail has every try"),
    ("Mutation.signIn", "concern", "the trail has every try"),
    (
        "Mutation.signIn",
        "feed_position",
        "the trail has every try",
    ),
    (
        "Mutation.signInForToken",
        "concern",
        "the trail has every try",
    ),
    (
        "Mutation.signInForToken",
        "feed_position",
        "the trail has every try",
    ),
    (
        "Mutation.signInForToken",
        "throttle",
        "a try counts, right or wrong",
    ),
    (
        "Mutation.signInForToken",
        "event",
        "the trail has every try",
    ),
];

#[rustfmt::skip]
pub const FIELDS: &[Row] = &[
    row("Query.me", WHO_AM_I, "{ me { id } }"),
    row("Query.user", FOR_SIGNED_IN, r#"{ user(username: "olivia") { id } }"#),
    row("Query.file", VISIBLE, "{ file(id: $file) { id } }"),
    row("Query.files", OWN_LIST, "{ files { nodes { id } } }"),
    row("Query.files", OWN_LIST, r#"{ files(search: "o", orderBy: NAME) { nodes { id } } }"#),
    row("Query.sharedWithMe", RECEIVED_LIST, r#"{ sharedWithMe(search: "o", orderBy: SIZE) { nodes { id } } }"#),
    row("Query.sharedWithMe", RECEIVED_LIST, "{ sharedWithMe { nodes { id } } }"),
    row("Query.trash", OWN_LIST, "{ trash { nodes { id } } }"),
    row("Query.downloadTicket", VISIBLE, "{ downloadTicket(fileId: $file) { url } }"),
    row("Query.explainAccess", OWNER_ONLY, r#"{ explainAccess(fileId: $file, username: "rita") { allowed } }"#),
    row("Query.apiTokens", OWN_LIST_IN_PERSON, "{ apiTokens { id } }"),
    row("Query.sessions", FOR_PEOPLE, "{ sessions { id } }"),
    row("Query.sharedLink", LINKED, "{ sharedLink(token: $link) { hasPassword } }"),
    row("Query.drops", OWN_LIST, "{ drops { nodes { id } } }"),
    row("Query.dropTarget", DROPPED, "{ dropTarget(token: $drop) { name } }"),
    row("Query.node", VISIBLE_OR_NULL, "{ node(id: $file) { id } }"),
    row("Query.node", VISIBLE_OR_NULL, "{ node(id: $share) { id } }"),
    row("Query.node", OWN_OR_NULL, "{ node(id: $trashed) { id } }"),
    row("Query.node", OWN_OR_NULL, "{ node(id: $dropId) { id } }"),
    row("Query.node", IN_GROUP_OR_NULL, "{ node(id: $group) { id } }"),
    row("Query.groups", MEMBERS_LIST, "{ groups { nodes { id } } }"),
    row("Query.group", IN_GROUP, "{ group(id: $group) { id } }"),
    row("Query.node", OWN_OR_NULL, "{ node(id: $resumable) { id } }"),
    row("Query.node", OWN_OR_NULL_IN_PERSON, "{ node(id: $token) { id } }"),
    row("Query.node", OWN_OR_NULL, "{ node(id: $dropped) { id } }"),
    row("Query.upload", OWNER_UNSEEN, "{ upload(id: $resumable) { id } }"),
    row("Query.upload", OWNER_UNSEEN, "{ upload(id: $dropped) { id } }"),
    row("Query.uploads", OWN_LIST, "{ uploads { nodes { id } } }"),
    row("Query.events", FOR_SIGNED_IN, "{ events { edges { cursor } } }"),
    row("Query.limits", PUBLIC, "{ limits { maxPageSize } }"),

    row("Node.id", VISIBLE_OR_NULL, "{ node(id: $file) { id } }"),

    row("File.id", VISIBLE, "{ file(id: $file) { id } }"),
    row("File.name", VISIBLE, "{ file(id: $file) { name } }"),
    row("File.size", VISIBLE, "{ file(id: $file) { size } }"),
    row("File.contentType", VISIBLE, "{ file(id: $file) { contentType } }"),
    row("File.sha256", VISIBLE, "{ file(id: $file) { sha256 } }"),
    row("File.createdAt", VISIBLE, "{ file(id: $file) { createdAt } }"),
    row("File.trashedAt", OWN_LIST, "{ trash { nodes { trashedAt } } }"),
    row("File.owner", VISIBLE, "{ file(id: $file) { owner { id } } }"),
    row("File.shares", VISIBLE, "{ file(id: $file) { shares { nodes { id } } } }"),
    row("File.downloadTicket", VISIBLE, "{ file(id: $file) { downloadTicket { url } } }"),
    row("File.events", OWNER_ONLY, "{ file(id: $file) { events { edges { cursor } } } }"),

    // The one file in the list that came by a drop is older than the others.
    row("File.drop", VISIBLE_DROP, "{ file(id: $file) { drop { id } } }"),

    row("FileConnection.edges", OWN_LIST, "{ files { edges { cursor } } }"),
    row("FileConnection.nodes", OWN_LIST, "{ files { nodes { id } } }"),
    row("FileConnection.pageInfo", FOR_SIGNED_IN, "{ files { pageInfo { hasNextPage } } }"),
    row("FileEdge.node", OWN_LIST, "{ files { edges { node { id } } } }"),
    row("FileEdge.cursor", OWN_LIST, "{ files { edges { cursor } } }"),
    row("PageInfo.hasPreviousPage", FOR_SIGNED_IN, "{ files { pageInfo { hasPreviousPage } } }"),
    row("PageInfo.hasNextPage", FOR_SIGNED_IN, "{ files { pageInfo { hasNextPage } } }"),
    row("PageInfo.startCursor", OWN_OR_NULL, "{ files { pageInfo { startCursor } } }"),
    row("PageInfo.endCursor", OWN_OR_NULL, "{ files { pageInfo { endCursor } } }"),

    row("EventConnection.edges", OWNER_ONLY, "{ file(id: $file) { events { edges { cursor } } } }"),
    row("EventConnection.pageInfo", OWNER_ONLY, "{ file(id: $file) { events { pageInfo { endCursor } } } }"),
    row("EventEdge.node", OWNER_ONLY, "{ file(id: $file) { events { edges { node { id } } } } }"),
    row("EventEdge.cursor", OWNER_ONLY, "{ file(id: $file) { events { edges { cursor } } } }"),
    row("Event.id", OWNER_ONLY, "{ file(id: $file) { events { edges { node { id } } } } }"),
    row("Event.at", OWNER_ONLY, "{ file(id: $file) { events { edges { node { at } } } } }"),
    row("Event.count", OWNER_ONLY, "{ file(id: $file) { events { edges { node { count } } } } }"),
    row("Event.kind", OWNER_ONLY, "{ file(id: $file) { events { edges { node { kind } } } } }"),
    row("Event.user", OWNER_ONLY, "{ file(id: $file) { events { edges { node { user { id } } } } } }"),
    // The second oldest event is about the link.
    row("Event.share", OWNER_ONLY, "{ file(id: $file) { events(last: 2) { edges { node { share { id } } } } } }"),
    // The oldest event is the upload.
    row("Event.drop", OWNER_ONLY, "{ file(id: $file) { events(last: 1) { edges { node { drop { id } } } } } }"),
    // The third oldest event is about the group.
    row("Event.group", OWNER_ONLY, "{ file(id: $file) { events(last: 3) { edges { node { group { id } } } } } }"),
    row("Event.detail", OWNER_ONLY, "{ file(id: $file) { events { edges { node { detail } } } } }"),

    row("Event.cursor", OWNER_ONLY, "{ file(id: $file) { events { edges { node { cursor } } } } }"),
    row("Event.fileId", OWNER_ONLY, "{ file(id: $file) { events { edges { node { fileId } } } } }"),
    row("Event.file", OWNER_ONLY, "{ file(id: $file) { events { edges { node { file { id } } } } } }"),

    row("ShareConnection.edges", VISIBLE, "{ file(id: $file) { shares { edges { cursor } } } }"),
    row("ShareConnection.nodes", VISIBLE, "{ file(id: $file) { shares { nodes { id } } } }"),
    row("ShareConnection.pageInfo", VISIBLE, "{ file(id: $file) { shares { pageInfo { endCursor } } } }"),
    row("ShareEdge.node", VISIBLE, "{ file(id: $file) { shares { edges { node { id } } } } }"),
    row("ShareEdge.cursor", VISIBLE, "{ file(id: $file) { shares { edges { cursor } } } }"),

    row("Share.id", VISIBLE, "{ file(id: $file) { shares { nodes { id } } } }"),
    row("Share.file", VISIBLE, "{ file(id: $file) { shares { nodes { file { id } } } } }"),
    row("Share.audience", VISIBLE, "{ file(id: $file) { shares { nodes { audience } } } }"),
    // The one share that reaches them names nobody, and the other is none of their business.
    row("Share.user", VISIBLE_NAME_OF_SHARE, "{ file(id: $file) { shares { nodes { user { id } } } } }"),
    // The owner's second oldest share is the one with the group.
    row("Share.group", VISIBLE_GROUP_OF_SHARE, "{ file(id: $file) { shares(last: 2) { nodes { group { id } } } } }"),
    // The owner's oldest share is the link.
    row("Share.link", OWNER_ONLY_OF_SHARE, "{ file(id: $file) { shares(last: 1) { nodes { link { hasPassword } } } } }"),
    // What opens more than reading does, and longer than the token lives.
    row("ShareLink.url", OWNER_PASSES_ON_SHARE, "{ file(id: $file) { shares(last: 1) { nodes { link { url } } } } }"),
    row("ShareLink.hasPassword", OWNER_ONLY_OF_SHARE, "{ file(id: $file) { shares(last: 1) { nodes { link { hasPassword } } } } }"),
    row("ShareLink.maxDownloads", OWNER_ONLY_OF_SHARE, "{ file(id: $file) { shares(last: 1) { nodes { link { maxDownloads } } } } }"),
    row("ShareLink.downloads", OWNER_ONLY_OF_SHARE, "{ file(id: $file) { shares(last: 1) { nodes { link { downloads } } } } }"),
    row("Share.createdAt", VISIBLE, "{ file(id: $file) { shares { nodes { createdAt } } } }"),
    row("Share.expiresAt", VISIBLE, "{ file(id: $file) { shares { nodes { expiresAt } } } }"),

    row("AccessExplanation.allowed", OWNER_ONLY, r#"{ explainAccess(fileId: $file, username: "rita") { allowed } }"#),
    row("AccessExplanation.owns", OWNER_ONLY, r#"{ explainAccess(fileId: $file, username: "olivia") { owns } }"#),
    row("AccessExplanation.grants", OWNER_ONLY, r#"{ explainAccess(fileId: $file, username: "rita") { grants { id } } }"#),
    // A file in the trash is nobody else's business.
    row("AccessExplanation.obstacles", OWNER_UNSEEN, r#"{ explainAccess(fileId: $trashed, username: "rita") { obstacles } }"#),

    row("User.id", VISIBLE, "{ file(id: $file) { owner { id } } }"),
    row("User.username", VISIBLE, "{ file(id: $file) { owner { username } } }"),
    row("User.createdAt", VISIBLE, "{ file(id: $file) { owner { createdAt } } }"),
    row("User.usage", VISIBLE_OWNER_ONLY, "{ file(id: $file) { owner { usage { usedBytes } } } }"),
    row("User.role", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { role } }"#),
    row("User.hasPassword", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { hasPassword } }"#),
    row("User.disabled", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { disabled } }"#),
    row("User.usage", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { files } } }"#),
    row("Usage.usedBytes", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { usedBytes } } }"#),
    row("Usage.trashedBytes", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { trashedBytes } } }"#),
    row("Usage.reservedBytes", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { reservedBytes } } }"#),
    row("Usage.quotaBytes", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { quotaBytes } } }"#),
    row("Usage.ownQuotaBytes", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { ownQuotaBytes } } }"#),
    row("Usage.files", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { files } } }"#),
    row("Usage.maxFiles", OWN_OR_ADMINISTERED, r#"{ user(username: "olivia") { usage { maxFiles } } }"#),

    row("Query.users", ADMINISTRATOR, "{ users { nodes { id } } }"),
    row("Query.statistics", ADMINISTRATOR, "{ statistics { users } }"),
    row("Statistics.users", ADMINISTRATOR, "{ statistics { users } }"),
    row("Statistics.disabledUsers", ADMINISTRATOR, "{ statistics { disabledUsers } }"),
    row("Statistics.administrators", ADMINISTRATOR, "{ statistics { administrators } }"),
    row("Statistics.files", ADMINISTRATOR, "{ statistics { files } }"),
    row("Statistics.bytes", ADMINISTRATOR, "{ statistics { bytes } }"),
    row("Statistics.trashedBytes", ADMINISTRATOR, "{ statistics { trashedBytes } }"),
    row("Statistics.reservedBytes", ADMINISTRATOR, "{ statistics { reservedBytes } }"),
    row("Statistics.uploads", ADMINISTRATOR, "{ statistics { uploads } }"),
    row("Statistics.discardedContents", ADMINISTRATOR, "{ statistics { discardedContents } }"),
    row("Statistics.downloadsToday", ADMINISTRATOR, "{ statistics { downloadsToday } }"),

    row("SharedLink.hasPassword", LINKED, "{ sharedLink(token: $link) { hasPassword } }"),
    row("SharedLink.expiresAt", LINKED, "{ sharedLink(token: $link) { expiresAt } }"),
    row("SharedLink.downloadsLeft", LINKED, "{ sharedLink(token: $link) { downloadsLeft } }"),
    row("SharedLink.file", LINKED, "{ sharedLink(token: $link) { file { name } } }"),
    row("LinkedFile.name", LINKED, "{ sharedLink(token: $link) { file { name } } }"),
    row("LinkedFile.size", LINKED, "{ sharedLink(token: $link) { file { size } } }"),
    row("LinkedFile.contentType", LINKED, "{ sharedLink(token: $link) { file { contentType } } }"),
    row("LinkedFile.sha256", LINKED, "{ sharedLink(token: $link) { file { sha256 } } }"),
    row("LinkedFile.createdAt", LINKED, "{ sharedLink(token: $link) { file { createdAt } } }"),
    row("LinkedFile.downloadTicket", LINKED, "{ sharedLink(token: $link) { file { downloadTicket { url } } } }"),

    row("Drop.id", OWN_LIST, "{ drops(last: 1) { nodes { id } } }"),
    row("Drop.url", OWN_LIST_TO_WRITE, "{ drops(last: 1) { nodes { url } } }"),
    row("Drop.name", OWN_LIST, "{ drops(last: 1) { nodes { name } } }"),
    row("Drop.hasPassword", OWN_LIST, "{ drops(last: 1) { nodes { hasPassword } } }"),
    row("Drop.maxFiles", OWN_LIST, "{ drops(last: 1) { nodes { maxFiles } } }"),
    row("Drop.maxFileSize", OWN_LIST, "{ drops(last: 1) { nodes { maxFileSize } } }"),
    row("Drop.expiresAt", OWN_LIST, "{ drops(last: 1) { nodes { expiresAt } } }"),
    row("Drop.createdAt", OWN_LIST, "{ drops(last: 1) { nodes { createdAt } } }"),
    // The newest drop is closed.
    row("Drop.closedAt", OWN_LIST, "{ drops(first: 1) { nodes { closedAt } } }"),
    row("Drop.files", OWN_LIST, "{ drops(last: 1) { nodes { files { nodes { id } } } } }"),
    row("DropConnection.edges", OWN_LIST, "{ drops { edges { cursor } } }"),
    row("DropConnection.nodes", OWN_LIST, "{ drops { nodes { id } } }"),
    row("DropConnection.pageInfo", FOR_SIGNED_IN, "{ drops { pageInfo { hasNextPage } } }"),
    row("DropEdge.node", OWN_LIST, "{ drops { edges { node { id } } } }"),
    row("DropEdge.cursor", OWN_LIST, "{ drops { edges { cursor } } }"),
    row("Group.id", IN_GROUP, "{ group(id: $group) { id } }"),
    row("Group.name", IN_GROUP, "{ group(id: $group) { name } }"),
    row("Group.createdAt", IN_GROUP, "{ group(id: $group) { createdAt } }"),
    row("Group.owner", IN_GROUP, "{ group(id: $group) { owner { username } } }"),
    row("Group.members", IN_GROUP, "{ group(id: $group) { members { nodes { username } } } }"),
    row("GroupConnection.edges", MEMBERS_LIST, "{ groups { edges { cursor } } }"),
    row("GroupConnection.nodes", MEMBERS_LIST, "{ groups { nodes { id } } }"),
    row("GroupConnection.pageInfo", FOR_SIGNED_IN, "{ groups { pageInfo { hasNextPage } } }"),
    row("GroupEdge.node", MEMBERS_LIST, "{ groups { edges { node { id } } } }"),
    row("GroupEdge.cursor", MEMBERS_LIST, "{ groups { edges { cursor } } }"),
    row("UserConnection.edges", IN_GROUP, "{ group(id: $group) { members { edges { cursor } } } }"),
    row("UserConnection.nodes", IN_GROUP, "{ group(id: $group) { members { nodes { id } } } }"),
    row("UserConnection.pageInfo", IN_GROUP, "{ group(id: $group) { members { pageInfo { hasNextPage } } } }"),
    row("UserEdge.node", IN_GROUP, "{ group(id: $group) { members { edges { node { id } } } } }"),
    row("UserEdge.cursor", IN_GROUP, "{ group(id: $group) { members { edges { cursor } } } }"),
    row("DropTarget.name", DROPPED, "{ dropTarget(token: $drop) { name } }"),
    row("DropTarget.hasPassword", DROPPED, "{ dropTarget(token: $drop) { hasPassword } }"),
    row("DropTarget.owner", DROPPED, "{ dropTarget(token: $drop) { owner } }"),
    row("DropTarget.maxFileSize", DROPPED, "{ dropTarget(token: $drop) { maxFileSize } }"),
    row("DropTarget.filesLeft", DROPPED, "{ dropTarget(token: $drop) { filesLeft } }"),
    row("DropTarget.expiresAt", DROPPED, "{ dropTarget(token: $drop) { expiresAt } }"),
    row("DroppedFile.name", BY_DROP, "mutation { dropFile(file: $upload) { name } }"),
    row("DroppedFile.size", BY_DROP, "mutation { dropFile(file: $upload) { size } }"),
    row("DroppedFile.sha256", BY_DROP, "mutation { dropFile(file: $upload) { sha256 } }"),

    row("ResumableUpload.id", OWNER_UNSEEN, "{ upload(id: $resumable) { id } }"),
    row("ResumableUpload.url", OWNER_UNSEEN, "{ upload(id: $resumable) { url } }"),
    row("ResumableUpload.name", OWNER_UNSEEN, "{ upload(id: $resumable) { name } }"),
    row("ResumableUpload.size", OWNER_UNSEEN, "{ upload(id: $resumable) { size } }"),
    row("ResumableUpload.offset", OWNER_UNSEEN, "{ upload(id: $resumable) { offset } }"),
    row("ResumableUpload.expiresAt", OWNER_UNSEEN, "{ upload(id: $resumable) { expiresAt } }"),
    row("ResumableUpload.createdAt", OWNER_UNSEEN, "{ upload(id: $resumable) { createdAt } }"),
    row("ResumableUpload.drop", OWNER_UNSEEN, "{ upload(id: $dropped) { drop { id } } }"),
    row("ResumableUpload.file", OWNER_UNSEEN, "{ upload(id: $finished) { file { id } } }"),
    row("ResumableUploadConnection.edges", OWN_LIST, "{ uploads { edges { cursor } } }"),
    row("ResumableUploadConnection.nodes", OWN_LIST, "{ uploads { nodes { id } } }"),
    row("ResumableUploadConnection.pageInfo", FOR_SIGNED_IN, "{ uploads { pageInfo { hasNextPage } } }"),
    row("ResumableUploadEdge.node", OWN_LIST, "{ uploads { edges { node { id } } } }"),
    row("ResumableUploadEdge.cursor", OWN_LIST, "{ uploads { edges { cursor } } }"),

    row("DownloadTicket.url", VISIBLE, "{ downloadTicket(fileId: $file) { url } }"),
    row("DownloadTicket.expiresAt", VISIBLE, "{ downloadTicket(fileId: $file) { expiresAt } }"),

    row("ApiToken.id", OWN_LIST_IN_PERSON, "{ apiTokens { id } }"),
    row("ApiToken.name", OWN_LIST_IN_PERSON, "{ apiTokens { name } }"),
    row("ApiToken.scopes", OWN_LIST_IN_PERSON, "{ apiTokens { scopes } }"),
    row("ApiToken.createdAt", OWN_LIST_IN_PERSON, "{ apiTokens { createdAt } }"),
    row("ApiToken.expiresAt", OWN_LIST_IN_PERSON, "{ apiTokens { expiresAt } }"),
    row("SignIn.id", FOR_PEOPLE, "{ sessions { id } }"),
    row("SignIn.createdAt", FOR_PEOPLE, "{ sessions { createdAt } }"),
    row("SignIn.lastUsedAt", FOR_PEOPLE, "{ sessions { lastUsedAt } }"),
    row("SignIn.address", FOR_PEOPLE, "{ sessions { address } }"),
    row("SignIn.userAgent", FOR_PEOPLE, "{ sessions { userAgent } }"),
    row("SignIn.isCurrent", FOR_PEOPLE, "{ sessions { isCurrent } }"),
    row("CreatedApiToken.secret", FOR_PEOPLE, r#"mutation { createApiToken(name: "x", scopes: [READ]) { secret } }"#),
    row("CreatedApiToken.apiToken", FOR_PEOPLE, r#"mutation { createApiToken(name: "x", scopes: [READ]) { apiToken { id } } }"#),

    row("Limits.maxFileSize", PUBLIC, "{ limits { maxFileSize } }"),
    row("Limits.maxFilesPerRequest", PUBLIC, "{ limits { maxFilesPerRequest } }"),
    row("Limits.maxUploadsPerUser", PUBLIC, "{ limits { maxUploadsPerUser } }"),
    row("Limits.resumableTtlSeconds", PUBLIC, "{ limits { resumableTtlSeconds } }"),
    row("Limits.maxPageSize", PUBLIC, "{ limits { maxPageSize } }"),
    row("Limits.ticketTtlSeconds", PUBLIC, "{ limits { ticketTtlSeconds } }"),
    row("Limits.trashTtlSeconds", PUBLIC, "{ limits { trashTtlSeconds } }"),
    row("Limits.userQuotaBytes", PUBLIC, "{ limits { userQuotaBytes } }"),
    row("Limits.maxFilesPerUser", PUBLIC, "{ limits { maxFilesPerUser } }"),
    row("Limits.maxSharesPerFile", PUBLIC, "{ limits { maxSharesPerFile } }"),
    row("Limits.maxTokensPerUser", PUBLIC, "{ limits { maxTokensPerUser } }"),
    row("Limits.maxGroupsPerUser", PUBLIC, "{ limits { maxGroupsPerUser } }"),
    row("Limits.maxMembersPerGroup", PUBLIC, "{ limits { maxMembersPerGroup } }"),
    row("Limits.maxMembershipsPerUser", PUBLIC, "{ limits { maxMembershipsPerUser } }"),
    row("Limits.changesPerHour", PUBLIC, "{ limits { changesPerHour } }"),
    row("Limits.signUpOpen", PUBLIC, "{ limits { signUpOpen } }"),
    row("Limits.passwordSignInOn", PUBLIC, "{ limits { passwordSignInOn } }"),
    row("Limits.oidcName", PUBLIC, "{ limits { oidcName } }"),
    row("Limits.dropsOn", PUBLIC, "{ limits { dropsOn } }"),
    row("Limits.maxDropsPerUser", PUBLIC, "{ limits { maxDropsPerUser } }"),
    row("Limits.linksOn", PUBLIC, "{ limits { linksOn } }"),
    row("Limits.linkPasswordRequired", PUBLIC, "{ limits { linkPasswordRequired } }"),
    row("Limits.linkMaxTtlSeconds", PUBLIC, "{ limits { linkMaxTtlSeconds } }"),

    // Everyone has such a feed, and in it at least that they signed up.
    row("Subscription.events", FOR_SIGNED_IN, r#"subscription { events(after: "MgAAAAAAAAAAAAAAAAAAAAA") { id } }"#),

    row("Mutation.createApiToken", FOR_PEOPLE, r#"mutation { createApiToken(name: "x", scopes: [READ]) { secret } }"#),
    row("Mutation.revokeApiToken", OWNER_IN_PERSON, "mutation { revokeApiToken(id: $token) }"),
    row("Mutation.revokeSession", OWNER_IN_PERSON, "mutation { revokeSession(id: $session) }"),
    row("Mutation.uploadFile", FOR_WRITERS, "mutation { uploadFile(file: $upload) { id } }"),
    row("Mutation.uploadFiles", FOR_WRITERS, "mutation { uploadFiles(files: [$upload]) { id } }"),
    row("Mutation.createUpload", FOR_WRITERS, r#"mutation { createUpload(name: "x", size: 10) { id } }"#),
    row("Mutation.cancelUpload", OWNER_WRITES_UNSEEN, "mutation { cancelUpload(id: $resumable) }"),
    row("Mutation.cancelUpload", OWNER_WRITES_UNSEEN, "mutation { cancelUpload(id: $dropped) }"),
    row("Mutation.renameFile", OWNER_WRITES, r#"mutation { renameFile(id: $file, name: "x") { name } }"#),
    row("Mutation.deleteFile", OWNER_WRITES, "mutation { deleteFile(id: $file) }"),
    row("Mutation.restoreFile", OWNER_WRITES_UNSEEN, "mutation { restoreFile(id: $trashed) { id } }"),
    row("Mutation.purgeFile", OWNER_WRITES_UNSEEN, "mutation { purgeFile(id: $trashed) }"),
    row("Mutation.shareWithUser", OWNER_WRITES, r#"mutation { shareWithUser(fileId: $file, username: "sam") { id } }"#),
    row("Mutation.shareWithAuthenticated", OWNER_WRITES, "mutation { shareWithAuthenticated(fileId: $file) { id } }"),
    row("Mutation.shareWithGroup", OWNER_WRITES, "mutation { shareWithGroup(fileId: $file, groupId: $group) { id } }"),
    row("Mutation.createGroup", FOR_WRITERS, r#"mutation { createGroup(name: "x") { id } }"#),
    row("Mutation.renameGroup", GROUP_OWNER_WRITES, r#"mutation { renameGroup(id: $group, name: "x") { id } }"#),
    row("Mutation.deleteGroup", GROUP_OWNER_WRITES, "mutation { deleteGroup(id: $group) }"),
    row("Mutation.addGroupMember", GROUP_OWNER_WRITES, r#"mutation { addGroupMember(groupId: $group, username: "sam") { id } }"#),
    row("Mutation.removeGroupMember", GROUP_OWNER_WRITES, r#"mutation { removeGroupMember(groupId: $group, username: "mia") { id } }"#),
    row("Mutation.leaveGroup", MEMBER_WRITES, "mutation { leaveGroup(id: $joined) }"),
    row("Mutation.createDrop", FOR_WRITERS, r#"mutation { createDrop(name: "x") { id } }"#),
    row("Mutation.closeDrop", OWNER_WRITES_UNSEEN, "mutation { closeDrop(id: $dropId) }"),
    row("Mutation.dropFile", BY_DROP, "mutation { dropFile(file: $upload) { name } }"),
    row("Mutation.shareByLink", OWNER_WRITES, "mutation { shareByLink(fileId: $file) { id } }"),
    row("Mutation.updateShare", OWNER_WRITES, "mutation { updateShare(id: $share, expiresAt: null) { id } }"),
    row("Mutation.setUserDisabled", ADMINISTRATOR, "mutation { setUserDisabled(id: $account, disabled: true) { id } }"),
    row("Mutation.setUserQuota", ADMINISTRATOR, "mutation { setUserQuota(id: $account, bytes: 1) { id } }"),
    row("Mutation.setUserRole", ADMINISTRATOR, "mutation { setUserRole(id: $account, role: ADMIN) { id } }"),
    row("Mutation.revokeShare", OWNER_WRITES, "mutation { revokeShare(id: $share) }"),

    // These change who the caller is.
    row("Mutation.signUp", PUBLIC, r#"mutation { signUp(username: "newcomer", password: $password) { id } }"#).alone(),
    row("Mutation.signIn", SIGNING_IN, "mutation { signIn(username: $me, password: $password) { id } }").alone(),
    row("Mutation.signInForToken", SIGNING_IN, r#"mutation { signInForToken(username: $me, password: $password, name: "x", scopes: [READ]) { secret } }"#).alone(),
    row("Mutation.signOut", PUBLIC, "mutation { signOut }").alone(),
    row("Mutation.deleteAccount", FOR_PEOPLE, "mutation { deleteAccount(password: $password) }").alone(),
    row("Mutation.changePassword", FOR_PEOPLE, r#"mutation { changePassword(current: $password, new: "another password") { id } }"#).alone(),
];
