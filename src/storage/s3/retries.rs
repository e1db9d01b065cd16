//! Which requests are tried again, and when. What is not listed in [`super::objects`] and [`super::multipart`] as calling
//! this is tried once.

use std::time::Duration;

use super::failure::Failure;
use crate::random;

/// How often a request is tried in all.
const TRIES: u32 = 3;
/// Before the second try; four times as long before each further one.
const PAUSE: Duration = Duration::from_millis(150);

/// Does `once` again while it fails for a reason that may be over soon. Only for what may be done twice.
pub(super) async fn retry<T, F: Future<Output = Result<T, Failure>>>(
    mut once: impl FnMut() -> F,
) -> Result<T, Failure> {
    let mut tries = 1;
    loop {
        match once().await {
            Err(failure) if failure.is_transient() && tries < TRIES => {
                tracing::debug!(%failure, tries, "a request to the object store is tried again");
                pause(tries).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Waits before the next try: longer each time, and not all at the same moment.
pub(super) async fn pause(tries: u32) {
    let [chance] = random::bytes::<1>();
    let pause = PAUSE * 4_u32.saturating_pow(tries - 1);
    tokio::time::sleep(pause + pause * u32::from(chance) / 255).await;
}
