//! OpenAI's API as data: requests as the library takes them, answers as its clients read them. Knows no HTTP.
//! Fields and their meaning: OpenAI's API reference (chat completions, completions, models).

mod ask;
mod chunks;
mod embed;
mod grammar;
mod list;
mod logprobs;
mod messages;
mod sampling;
mod told;
mod tools;
mod whole;

pub use ask::{Asked, ask, chat, completion};
pub use chunks::Chunks;
pub use embed::{Vectors, embed};
pub use list::{model, models};
pub use told::Told;
pub use whole::Whole;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970 (UTC).
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

/// A name that nobody else has: `prefix` and 32 random digits.
pub fn identity(prefix: &str) -> String {
    format!("{prefix}{:016x}{:016x}", random(), random())
}

/// A random number, seeded by the system.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| identity("job-")).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 36 && name.starts_with("job-")));
    }
}
