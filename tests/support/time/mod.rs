//! How long a test computes, for bounds that hold on a busy machine.

use std::time::{Duration, Instant};

/// Runs `work`; gives its result and how long this thread had a processor for it. Where the system does not
/// tell, what the clock says, which goes on while others have it.
pub fn time_of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (before, begun) = (computed(), Instant::now());
    let result = work();
    let took = computed().zip(before).map(|(after, before)| after.saturating_sub(before));
    (result, took.unwrap_or_else(|| begun.elapsed()))
}

fn computed() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
