//! The policy: who may see a file. One pure function decides, over facts that others gather.
//!
//! Effective access = active user AND live file AND (owner OR an unexpired share to an audience that the user belongs to); OR
//! live file AND a link to it that has not ended, was not changed since it was opened, and whose owner is active.
//! What is in the trash is its owner's alone. Whether a share has expired is decided by the query: `audiences::unexpired`.

use entity::Timestamp;

/// What is known of a file and of the user who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub state: State,
    /// The user is not disabled, and has not changed credentials since those that are used here were made. For whoever came by a
    /// link: its owner is not disabled.
    pub is_active: bool,
    pub is_owner: bool,
    /// What the unexpired shares to audiences of the user grant together, or the link does.
    pub grant: Option<Grant>,
}

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Live,
    Trashed,
}

/// Sight, until the last of the shares ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `None`: one of the shares has no end.
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Owned,
    Granted(Grant),
    Refused(Refusal),
}

/// Why somebody may not see a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The file is not where it is looked for, or does not exist.
    FileGone,
    /// The user is disabled, or has changed credentials since.
    UserInactive,
    /// The file belongs to somebody else, and nothing grants sight of it.
    NotGranted,
}

/// Whether a user may see a file among those that are `wanted`.
pub fn decide(facts: &Facts, wanted: State) -> Decision {
    if facts.state != wanted {
        return Decision::Refused(Refusal::FileGone);
    }
    if !facts.is_active {
        return Decision::Refused(Refusal::UserInactive);
    }
    match (facts.is_owner, facts.grant, wanted) {
        (true, _, _) => Decision::Owned,
        (false, Some(grant), State::Live) => Decision::Granted(grant),
        (false, _, State::Trashed) | (false, None, State::Live) => {
            Decision::Refused(Refusal::NotGranted)
        }
    }
}

/// All that keeps a user from the file while it is live: what refuses is taken away, and the policy asked again.
pub fn refusals(facts: &Facts) -> Vec<Refusal> {
    let (mut facts, mut refusals) = (*facts, Vec::new());
    while let Decision::Refused(refusal) = decide(&facts, State::Live) {
        refusals.push(refusal);
        match refusal {
            Refusal::FileGone => facts.state = State::Live,
            Refusal::UserInactive => facts.is_active = true,
            Refusal::NotGranted => facts.grant = Some(Grant { until: None }),
        }
    }
    refusals
}

impl Grant {
    /// What shares that end at `ends` grant together; `None` without any.
    pub fn of(ends: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Self> {
        // `None` is the latest of all ends.
        let later = |one: Option<Timestamp>, other: Option<Timestamp>| Some(one?.max(other?));
        let until = ends.into_iter().reduce(later)?;
        Some(Self { until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGHT: Facts = Facts {
        state: State::Live,
        is_active: true,
        is_owner: false,
        grant: Some(Grant { until: None }),
    };

    #[test]
    fn each_condition_alone_refuses() {
        let granted = Decision::Granted(Grant { until: None });
        assert_eq!(decide(&SIGHT, State::Live), granted);
        for (facts, refusal) in [
            (
                Facts {
                    state: State::Trashed,
                    ..SIGHT
                },
                Refusal::FileGone,
            ),
            (
                Facts {
                    is_active: false,
                    ..SIGHT
                },
                Refusal::UserInactive,
            ),
            (
                Facts {
                    grant: None,
                    ..SIGHT
                },
                Refusal::NotGranted,
            ),
        ] {
            let decision = decide(&facts, State::Live);
            assert_eq!(decision, Decision::Refused(refusal), "{facts:?}");
        }
    }

    /// They stand together, and each is told once.
    #[test]
    fn whatever_refuses_is_told_and_nothing_else() {
        use Refusal::{FileGone, NotGranted, UserInactive};
        assert_eq!(refusals(&SIGHT), []);
        for (state, gone) in [(State::Live, None), (State::Trashed, Some(FileGone))] {
            for (is_active, inactive) in [(true, None), (false, Some(UserInactive))] {
                for (is_owner, grant) in [(false, None), (false, SIGHT.grant), (true, None)] {
                    let not_granted = (!is_owner && grant.is_none()).then_some(NotGranted);
                    let facts = Facts {
                        state,
                        is_active,
                        is_owner,
                        grant,
                    };
                    let expected = [gone, inactive, not_granted].into_iter().flatten();
                    assert_eq!(refusals(&facts), expected.collect::<Vec<_>>(), "{facts:?}");
                }
            }
        }
    }

    #[test]
    fn an_owner_needs_no_share_and_has_the_trash_alone() {
        let owner = Facts {
            is_owner: true,
            grant: None,
            ..SIGHT
        };
        let trashed = |facts: Facts| Facts {
            state: State::Trashed,
            ..facts
        };
        assert_eq!(decide(&owner, State::Live), Decision::Owned);
        assert_eq!(decide(&trashed(owner), State::Trashed), Decision::Owned);
        let refused = Decision::Refused(Refusal::NotGranted);
        assert_eq!(decide(&trashed(SIGHT), State::Trashed), refused);
    }

    #[test]
    fn shares_together_last_as_long_as_the_longest() {
        let [early, late] = [1, 2].map(|end| Some(Timestamp(end)));
        let until = |ends: &[Option<Timestamp>]| Grant::of(ends.iter().copied()).map(|it| it.until);
        assert_eq!(until(&[]), None);
        assert_eq!(until(&[late, early]), Some(late));
        assert_eq!(until(&[early, None, late]), Some(None));
    }
}
