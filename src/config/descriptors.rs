//! How many connections this process has descriptors for.

/// More than so many are not taken unless they are asked for: each takes memory, too.
pub const CONNECTIONS_MAX: usize = 4096;
/// The database, the listener, the log, what the runtime has open.
const RESERVED: usize = 64;
/// A connection takes one; an upload or download on it another, and for moments a third, to sync.
const OF_A_CONNECTION: usize = 3;
/// Where the limit is not known: what most systems begin with.
const LIMIT: usize = 1024;

/// The most connections with which everything else still finds descriptors.
pub fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = soft_limit(&limits).unwrap_or(LIMIT);
    (limit.saturating_sub(RESERVED) / OF_A_CONNECTION).max(1)
}

/// `Max open files            1024                 524288               files`
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             127239               127239               processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(
            soft_limit("Max open files            unlimited            unlimited            files"),
            Some(usize::MAX)
        );
        assert_eq!(soft_limit(""), None);
    }
}
