//! Names that people give to what they make for themselves and others: groups, drops, API tokens.

use super::{file_name, visible::shows_nothing};
use crate::error::{Error, Result};

/// Characters.
const NAME_MAX: usize = 100;

/// `BAD_USER_INPUT` for a name that nobody could read in a list: one that shows nothing, has control or bidirectional
/// characters, or is too long. `what` is a word for the thing: "group".
pub fn check(what: &str, name: &str) -> Result<()> {
    let fits = name.chars().count() <= NAME_MAX;
    if fits && !shows_nothing(name) && file_name::is_honest(name) {
        return Ok(());
    }
    Err(Error::bad_input(
        "name",
        format!(
            "A {what}'s name has 1 to {NAME_MAX} characters, at least one that can be seen, and no control or \
             bidirectional characters."
        ),
    ))
}
