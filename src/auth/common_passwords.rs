//! The passwords that guessing begins with.

/// Whether `password` is one of the most common, in whatever case: those who guess try these first.
pub fn contains(password: &str) -> bool {
    let password = password.to_lowercase();
    include_str!("common_passwords.txt")
        .lines()
        .any(|common| common == password)
}
