//! Where in its reply a fake sequence is, token by token; knows no memory.

/// Where a sequence is behind one of its tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Place {
    /// Tokens so far.
    pub(super) length: usize,
    /// The reply's tokens so far, and the one that is expected next.
    pub(super) index: u64,
    pub(super) expected: Option<u32>,
    /// Where the prompt of the reply begins and ends.
    pub(super) prompt: (usize, usize),
    /// A hash of all tokens.
    pub(super) history: u64,
}

impl Place {
    /// What memory holds that nobody may read.
    pub(super) fn poisoned() -> Self {
        Self { length: usize::MAX, ..Self::default() }
    }

    /// Behind `token`. `goes_on`: it may be the expected one.
    pub(super) fn after(&self, token: u32, goes_on: bool) -> Self {
        let (length, history) = (self.length + 1, mix(self.history ^ u64::from(token)));
        if goes_on && self.expected == Some(token) {
            return Self { length, history, index: self.index + 1, expected: None, prompt: self.prompt };
        }
        // The first token after a reply begins a new prompt.
        let begins = self.expected.is_some() || self.index > 0;
        let first = if begins { self.length } else { self.prompt.0 };
        Self { length, history, index: 0, expected: None, prompt: (first, length) }
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
