//! The marks of places for content, which say whose a place is.

/// What a mark says, besides whose the place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// Content is kept there.
    InUse,
    /// Content is being moved there, or was moved away from there. No server uses it.
    SetAside,
}

impl MarkKind {
    /// What the mark is called. No key of content is like it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InUse => "installation",
            Self::SetAside => "installation-set-aside",
        }
    }
}
