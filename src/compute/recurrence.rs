//! What nets that recur over a sequence's rows have in common: what they begin with, and how much of them is
//! computed at once; knows no net.

/// Elements of a state times tokens that are computed at once, a thread: about 150 µs with AVX-512.
pub(super) const WORK: usize = 1 << 22;

/// The state that rows begin with.
#[derive(Debug, Clone, Copy)]
pub enum Before<'a> {
    /// None: zeros.
    Nothing,
    /// This one, which stays as it is: (heads, elements of one).
    Other(&'a [f32]),
    /// The one that earlier rows left.
    Own,
}

impl<'a> Before<'a> {
    /// Before a pass' first rows what it began with, nothing if `past` is empty; before later ones their own.
    pub fn of(is_first: bool, past: &'a [f32]) -> Self {
        match is_first {
            true if past.is_empty() => Self::Nothing,
            true => Self::Other(past),
            false => Self::Own,
        }
    }

    /// Makes `state`, that of head `head`, what it is before the rows.
    pub(super) fn begin(self, head: usize, state: &mut [f32]) {
        match self {
            Self::Nothing => state.fill(0.0),
            Self::Other(other) => state.copy_from_slice(&other[head * state.len()..(head + 1) * state.len()]),
            Self::Own => {}
        }
    }
}
