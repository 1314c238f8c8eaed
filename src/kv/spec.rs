//! What a model keeps of a token's past, as data; knows no memory.

use smallvec::SmallVec;

/// Tokens between two snapshots of recurrent state while a prompt is computed.
pub const SNAPSHOT: usize = 512;

/// What a group of equal layers keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Keys and values of every token (full attention).
    All,
    /// Keys and values of the last so many tokens, the newest included (sliding-window attention).
    Window(usize),
    /// One state of a fixed size, whatever the number of tokens (recurrent layers, short convolution). It
    /// holds for one place only.
    State,
}

/// A group of layers that keep the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// What they keep.
    pub keeps: Keeps,
    /// Bytes of one block of keys and values, or of one state; 0: their decoder counts them itself.
    pub bytes: u64,
}

/// What a model keeps, group by group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSpec {
    /// Tokens of a block; at least 1.
    pub block: usize,
    /// At least one, and one that is not a state before all states.
    pub groups: SmallVec<[Group; 2]>,
    /// Sequences may share blocks through the prefix cache.
    pub shares: bool,
    /// A sequence can go back, and another can begin as it is; else either begins anew.
    pub rewinds: bool,
}

impl CacheSpec {
    /// Keys and values of all tokens in blocks of `block` tokens and `bytes` bytes.
    pub fn full(block: usize, bytes: u64) -> Self {
        let groups = SmallVec::from_slice(&[Group { keeps: Keeps::All, bytes }]);
        Self { block, groups, shares: true, rewinds: true }
    }

    /// An opaque state: one block for a whole sequence of at most `context` tokens, which its decoder alone
    /// understands and counts. It holds for the place that the sequence is at, and is not copied: who goes
    /// back, forks or comes out of a save is computed again from its tokens.
    pub fn opaque(context: usize) -> Self {
        Self { shares: false, rewinds: false, ..Self::full(context, 0) }
    }

    /// Whether any group keeps a state.
    pub fn has_state(&self) -> bool {
        self.groups.iter().any(|group| group.keeps == Keeps::State)
    }

    /// Bytes of one block, or state, in every group.
    pub fn bytes_each(&self) -> u64 {
        self.groups.iter().map(|group| group.bytes).sum()
    }
}
