//! Who may ask, what may come back, and the named classes of outcome that the table is written in.
//!
//! A class is a list of clauses, and the first one that mentions a kind of caller counts. A kind that no clause mentions
//! is refused: a new kind of caller is refused everything until a class grants it something.

pub use Caller::*;
pub use Outcome::*;

/// Who asks. The file of the table's rows is one file to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody; and the file is shared with everyone who is signed in.
    Anonymous,
    /// A user without a share. There was one once.
    Stranger,
    /// A user with a share of their own.
    Recipient,
    /// A user whom only the share with a group reaches.
    Member,
    /// A user whom only the share with everyone reaches.
    Everyone,
    Owner,
    /// The owner, after the operator disabled the account: the session is from before.
    Disabled,
    /// The owner's program, with a token of scope READ.
    Reader,
    /// The owner's program, with a token of scope WRITE.
    Writer,
    /// Nobody, with a link to the file.
    LinkVisitor,
    /// Nobody, with a drop of the owner's.
    DropVisitor,
    /// A user without a share, who looks after accounts.
    Administrator,
}

impl Caller {
    /// How this kind is refused where a class says nothing else.
    fn refusal(self) -> Outcome {
        match self {
            // They are not signed in.
            Anonymous | Disabled | LinkVisitor | DropVisitor => Unauth,
            // What they may not see does not exist.
            Stranger | Recipient | Member | Everyone | Owner | Administrator => Hidden,
            // The token's scope does not reach so far.
            Reader | Writer => Denied,
        }
    }
}

/// What a caller sees of the field that an operation ends in.
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

impl Outcome {
    pub fn is_refusal(self) -> bool {
        matches!(self, Unauth | Hidden | Denied)
    }
}

/// What is given, and to whom.
type Clause<T> = (T, &'static [Caller]);

/// A class of fields.
pub type Outcomes = &'static [Clause<Outcome>];

/// What `class` has `caller` get.
pub fn outcome(class: Outcomes, caller: Caller) -> Outcome {
    given(class, caller).unwrap_or(caller.refusal())
}

/// A class of routes: the statuses of their answers.
#[derive(Clone, Copy)]
pub struct Statuses {
    pub given: &'static [Clause<u16>],
    /// For everybody else.
    pub refused: u16,
}

impl Statuses {
    /// What status `caller` gets.
    pub fn of(self, caller: Caller) -> u16 {
        given(self.given, caller).unwrap_or(self.refused)
    }
}

fn given<T: Copy>(clauses: &[Clause<T>], caller: Caller) -> Option<T> {
    let clause = clauses.iter().find(|(_, to)| to.contains(&caller));
    clause.map(|(given, _)| *given)
}

// Groups of callers, for the clauses below.

#[rustfmt::skip]
const ANYBODY: &[Caller] =
    &[Anonymous, Stranger, Recipient, Member, Everyone, Owner, Disabled, Reader, Writer, LinkVisitor, DropVisitor, Administrator];
/// Who is not signed in, and has no drop.
const NOBODY: &[Caller] = &[Anonymous, Disabled, LinkVisitor];
#[rustfmt::skip]
const SIGNED_IN: &[Caller] =
    &[Stranger, Recipient, Member, Everyone, Owner, Reader, Writer, Administrator];
/// Signed in by a browser's session, not by a token.
const PEOPLE: &[Caller] = &[Stranger, Recipient, Member, Everyone, Owner, Administrator];
/// Those whom a share lets see the file.
const RECIPIENTS: &[Caller] = &[Recipient, Member, Everyone];
/// The owner, and the owner's programs.
const OWNERS: &[Caller] = &[Owner, Reader, Writer];
/// The owner, and the owner's programs that may write.
const OWNERS_WRITING: &[Caller] = &[Owner, Writer];
/// Those who know a link to the file. The owner can look it up; who is not mentioned has a link that never was.
const LINK_HOLDERS: &[Caller] = &[LinkVisitor, Owner, Reader, Writer];
/// Those who know the owner's drop.
const DROP_HOLDERS: &[Caller] = &[DropVisitor, Owner, Reader, Writer];

/// Those who belong to the owner's group, which the file is shared with.
const MEMBERS: &[Caller] = &[Member, Owner, Reader, Writer];

// Classes of fields.

/// Anybody, signed in or not.
pub const PUBLIC: Outcomes = &[(Yes, ANYBODY)];
/// Whoever is signed in learns who that is; nobody else is anyone.
pub const WHO_AM_I: Outcomes = &[(Yes, SIGNED_IN), (Null, ANYBODY)];
/// Anybody whose account is not disabled.
pub const SIGNING_IN: Outcomes = &[(Unauth, &[Disabled]), (Yes, ANYBODY)];
/// Whoever is signed in.
pub const FOR_SIGNED_IN: Outcomes = &[(Yes, SIGNED_IN)];
/// Whoever is signed in, but no token.
pub const FOR_PEOPLE: Outcomes = &[(Yes, PEOPLE)];
/// Whoever is signed in, but no token that only reads.
pub const FOR_WRITERS: Outcomes = &[(Yes, PEOPLE), (Yes, &[Writer])];

/// Whoever may see the file.
pub const VISIBLE: Outcomes = &[(Yes, OWNERS), (Yes, RECIPIENTS)];
/// The same; for others there is nothing, which is no error.
pub const VISIBLE_OR_NULL: Outcomes = &[
    (Yes, OWNERS),
    (Yes, RECIPIENTS),
    (Null, &[Stranger, Administrator]),
];
/// The same, about whom a share names; the shares with a group and with everyone name nobody.
pub const VISIBLE_NAME_OF_SHARE: Outcomes = &[
    (Null, &[Member, Everyone]),
    (Yes, OWNERS),
    (Yes, RECIPIENTS),
];
/// The same, about the group of the share with one, which reaches nobody but its members.
pub const VISIBLE_GROUP_OF_SHARE: Outcomes = &[(Yes, MEMBERS), (Null, RECIPIENTS)];
/// Whoever may see the file asks about its owner, who alone gets a value.
pub const VISIBLE_OWNER_ONLY: Outcomes = &[(Yes, OWNERS), (Null, RECIPIENTS)];
/// The owner of the file; those who may see the file are told that they may not see this.
pub const OWNER_ONLY: Outcomes = &[(Yes, OWNERS), (Denied, RECIPIENTS)];
/// The owner, of what nobody else may see, such as a file in the trash.
pub const OWNER_UNSEEN: Outcomes = &[(Yes, OWNERS)];
/// Whoever has a link to the file, signed in or not. It rests while its owner is disabled.
pub const LINKED: Outcomes = &[(Yes, LINK_HOLDERS), (Hidden, ANYBODY)];
/// Whoever has a drop of the owner's, signed in or not. It rests while its owner is disabled.
pub const DROPPED: Outcomes = &[(Yes, DROP_HOLDERS), (Hidden, ANYBODY)];
/// Whoever comes by the drop, and nobody who is signed in.
pub const BY_DROP: Outcomes = &[
    (Yes, &[DropVisitor]),
    (Denied, &[Reader]),
    (Unauth, ANYBODY),
];
/// The file came by a drop of the owner's, of which nobody else learns.
pub const VISIBLE_DROP: Outcomes = &[(Yes, OWNERS), (Null, RECIPIENTS)];
/// What the owner's share by link is, which nobody else has any of; a recipient looks at the share of their own.
pub const OWNER_ONLY_OF_SHARE: Outcomes = &[(Yes, OWNERS), (Null, RECIPIENTS)];
/// The same for a secret that can be passed on, and no token reads that only reads.
pub const OWNER_PASSES_ON_SHARE: Outcomes = &[(Yes, OWNERS_WRITING), (Null, RECIPIENTS)];
/// The owner changes the file; those who may see the file are told that they may not.
pub const OWNER_WRITES: Outcomes = &[(Yes, OWNERS_WRITING), (Denied, RECIPIENTS)];
/// The owner changes what nobody else may see, such as a file in the trash.
pub const OWNER_WRITES_UNSEEN: Outcomes = &[(Yes, OWNERS_WRITING)];
/// The owner, but no token: credentials.
pub const OWNER_IN_PERSON: Outcomes = &[(Yes, &[Owner])];

/// Whoever belongs to the group. For others there is none.
pub const IN_GROUP: Outcomes = &[(Yes, MEMBERS)];
/// The same; for others there is nothing, which is no error.
pub const IN_GROUP_OR_NULL: Outcomes = &[(Yes, MEMBERS), (Null, SIGNED_IN)];
/// Everyone has such a list, and that of whoever belongs to the group is not empty.
pub const MEMBERS_LIST: Outcomes = &[(Yes, MEMBERS), (Empty, SIGNED_IN)];
/// The owner of the group changes it; its members are told that they may not.
pub const GROUP_OWNER_WRITES: Outcomes = &[(Yes, OWNERS_WRITING), (Denied, &[Member])];
/// Whoever belongs to a group that is somebody else's.
pub const MEMBER_WRITES: Outcomes = &[(Yes, OWNERS_WRITING), (Yes, &[Member])];

/// Everyone has such a list, and the owner's is not empty.
pub const OWN_LIST: Outcomes = &[(Yes, OWNERS), (Empty, SIGNED_IN)];
/// The same with a secret in it that lets one write, and no token reads that only reads.
pub const OWN_LIST_TO_WRITE: Outcomes = &[
    (Yes, OWNERS_WRITING),
    (Denied, &[Reader]),
    (Empty, SIGNED_IN),
];
/// Everyone has such a thing of their own, and the owner's is not null.
pub const OWN_OR_NULL: Outcomes = &[(Yes, OWNERS), (Null, SIGNED_IN)];
/// The same about an account, of which administrators see as much as its user.
pub const OWN_OR_ADMINISTERED: Outcomes =
    &[(Yes, OWNERS), (Yes, &[Administrator]), (Null, SIGNED_IN)];
/// Administrators alone, whoever else is signed in.
pub const ADMINISTRATOR: Outcomes = &[(Yes, &[Administrator]), (Denied, SIGNED_IN)];
/// The same, and no token sees it: credentials.
pub const OWN_OR_NULL_IN_PERSON: Outcomes = &[(Yes, &[Owner]), (Null, SIGNED_IN)];
/// Everyone has such a list, and a recipient's is not empty.
pub const RECEIVED_LIST: Outcomes = &[(Yes, RECIPIENTS), (Empty, SIGNED_IN)];
/// Everyone has such a list, the owner's is not empty, and no token sees it: credentials.
pub const OWN_LIST_IN_PERSON: Outcomes = &[(Yes, &[Owner]), (Empty, PEOPLE)];

// Classes of routes.

/// Anybody, and the answer is 200. What it says depends on who asks.
pub const ANSWERED: Statuses = Statuses {
    given: &[(200, ANYBODY)],
    refused: 404,
};
/// The provider of this world is away, for anybody.
pub const AWAY: Statuses = Statuses {
    given: &[],
    refused: 503,
};
/// Nobody has begun to sign in.
pub const NOT_BEGUN: Statuses = Statuses {
    given: &[],
    refused: 400,
};
/// There is no such thing, for anybody.
pub const ABSENT: Statuses = Statuses {
    given: &[],
    refused: 404,
};
/// Whoever may see the file now. Those who could when their ticket was issued are told that they may no longer.
pub const TICKET_HOLDERS: Statuses = Statuses {
    given: &[
        (200, OWNERS),
        (200, RECIPIENTS),
        (200, &[LinkVisitor]),
        (403, &[Stranger, Disabled]),
    ],
    refused: 404,
};
/// Whoever has the owner's drop.
pub const DROP_PAGE: Statuses = Statuses {
    given: &[(200, DROP_HOLDERS)],
    refused: 404,
};
/// The same, with a form that has no file in it.
pub const DROP_FORM: Statuses = Statuses {
    given: &[(400, DROP_HOLDERS)],
    refused: 404,
};
/// Whoever has a link to the file: they are led to the file itself.
pub const LINKED_TO: Statuses = Statuses {
    given: &[(200, LINK_HOLDERS)],
    refused: 404,
};

/// Anybody asks what the server can do.
pub const DISCOVERED: Statuses = Statuses {
    given: &[(204, ANYBODY)],
    refused: 404,
};
/// Whoever may add files, to their own account or by a drop.
pub const ADDING: Statuses = Statuses {
    given: &[
        (201, PEOPLE),
        (201, &[Writer, DropVisitor]),
        (403, &[Reader]),
    ],
    refused: 401,
};
/// The owner's unfinished upload, of which nobody else learns: asked for, and changed.
pub const OWN_UPLOAD: Statuses = Statuses {
    given: &[(200, OWNERS_WRITING), (403, &[Reader]), (401, NOBODY)],
    refused: 404,
};
pub const OWN_UPLOAD_CHANGED: Statuses = Statuses {
    given: &[(204, OWNERS_WRITING), (403, &[Reader]), (401, NOBODY)],
    refused: 404,
};
/// An unfinished upload of the drop's visitor, of which not even the owner learns: asked for, and changed.
pub const DROPPED_UPLOAD: Statuses = Statuses {
    given: &[(200, &[DropVisitor]), (403, &[Reader]), (401, NOBODY)],
    refused: 404,
};
pub const DROPPED_UPLOAD_CHANGED: Statuses = Statuses {
    given: &[(204, &[DropVisitor]), (403, &[Reader]), (401, NOBODY)],
    refused: 404,
};

#[test]
fn whom_a_class_does_not_mention_is_refused() {
    for caller in ANYBODY {
        assert!(outcome(&[], *caller).is_refusal(), "{caller:?}");
    }
    assert_eq!(outcome(OWNER_ONLY, Stranger), Hidden);
    assert_eq!(outcome(OWNER_ONLY, Recipient), Denied);
    assert_eq!(outcome(SIGNING_IN, Disabled), Unauth);
    assert_eq!(TICKET_HOLDERS.of(Anonymous), 404);
    assert_eq!(LINKED_TO.of(Disabled), 404);
}
