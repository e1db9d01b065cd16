//! What may be a user name, and what may be a password.
//!
//! User names are 1 to 32 ASCII letters, digits, dots, hyphens and underscores, with a letter or digit at both ends.
//! They are compared without regard to case, so neither `Alice` nor a look-alike from another script can pose as `alice`.
//! What cannot be seen at the ends of a name is not part of it: the keyboards of phones add a space, and copying from a page
//! adds more than that. A password is never cut.

use crate::{
    app::App,
    auth::{common_passwords, password::prepared},
    config::Secret,
    domain::visible::is_ignorable,
    error::{Code, Error, Result},
};

pub(super) const USERNAME_MAX: usize = 32;
/// Characters as they are hashed, not bytes; within them, any password will do.
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 128;

/// The user name in what somebody typed or pasted.
pub(super) fn typed_name(typed: &str) -> &str {
    typed.trim_matches(|c: char| c.is_whitespace() || is_ignorable(c))
}

/// The form user names are compared by.
pub(super) fn username_key(typed: &str) -> Result<String> {
    let username = typed_name(typed);
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let ends = [username.chars().next(), username.chars().next_back()];
    let good = (1..=USERNAME_MAX).contains(&username.len())
        && username.chars().all(allowed)
        && ends.iter().flatten().all(char::is_ascii_alphanumeric);
    if !good {
        return Err(Error::bad_input(
            "username",
            "A user name has 1 to 32 letters (a-z), digits, dots, hyphens or underscores, and begins and ends with a \
             letter or digit.",
        ));
    }
    Ok(username.to_ascii_lowercase())
}

/// `FORBIDDEN` where passwords sign nobody in.
pub(super) fn check_passwords_on(app: &App) -> Result<()> {
    match app.config.takes_passwords() {
        true => Ok(()),
        false => Err(Error::new(
            Code::Forbidden,
            "Passwords sign nobody in here; open /auth/oidc in a browser.",
        )),
    }
}

/// Refuses what is no password, as that of the argument `field`.
pub(super) fn check_password(field: &'static str, password: &Secret) -> Result<()> {
    // A character of the prepared password is spelled by four at most, so that no more need be looked at.
    let is_endless = password.expose().chars().nth(4 * PASSWORD_MAX).is_some();
    let password = prepared(if is_endless { "" } else { password.expose() });
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&password.chars().count()) {
        return Err(Error::bad_input(
            field,
            format!("A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters."),
        ));
    }
    if common_passwords::contains(&password) {
        return Err(Error::bad_input(
            field,
            "This password is one of the most common, which are guessed first; choose another.",
        ));
    }
    Ok(())
}
