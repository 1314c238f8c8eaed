//! How much is kept of pasts that no sequence uses; knows no cache.

/// Keys and values that stay for prefixes without a sequence, unless an option says how many bytes.
const MAX_PREFIX_BYTES: u64 = 512 << 20;

/// Keys and values that are kept while no sequence uses them, for those whose tokens begin alike. They count
/// in the budget, and give way to passes and to a trim. A decoder that shares nothing (candle) keeps none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PrefixCache {
    /// As many bytes as one whole context takes, at most a quarter of the budget and 512 MiB.
    #[default]
    Auto,
    /// So many bytes.
    Bytes(u64),
    /// None, and sequences that begin alike share nothing: forks do.
    Off,
}

impl PrefixCache {
    /// Bytes that may be kept where one whole context takes `context`, within a budget of `limit`.
    pub fn bytes(self, context: u64, limit: Option<u64>) -> u64 {
        match self {
            Self::Auto => context.min(limit.map_or(u64::MAX, |limit| limit / 4)).min(MAX_PREFIX_BYTES),
            Self::Bytes(bytes) => bytes,
            Self::Off => 0,
        }
    }
}
