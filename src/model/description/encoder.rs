//! What a model makes of the rows behind its last layer: one vector of a whole text. Reads its keys; knows no
//! tensor.

use super::keys::{Keys, MAX_WIDTH, unsupported};
use crate::error::Result;
use crate::model::Pooling;

/// From rows to a vector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoder {
    pub(crate) pooling: Pooling,
    /// Two matrices behind it, where the file has them: the width between them, and that of the vector.
    pub(crate) dense: Option<[usize; 2]>,
    /// They are a classifier's, with tanh between them: the vector is one score.
    pub(crate) ranks: bool,
}

/// Which rows a decoder's vector of a text is made of, for models whose tokens see only those before them:
/// the last token's, which has seen all of them, unless the file says the mean. `None`: the file says
/// something that gives no vector of a text.
pub(super) fn pooling_of_decoder(keys: &Keys<'_>) -> Result<Option<Pooling>> {
    Ok(match keys.count("pooling_type", 0..=usize::MAX)? {
        None | Some(0 | 3) => Some(Pooling::Last),
        Some(1) => Some(Pooling::Mean),
        Some(_) => None,
    })
}

impl Encoder {
    /// Reads what becomes of rows that are `width` wide; `may_rank`: a score may.
    ///
    /// # Errors
    /// `Unsupported`, by name, for a pooling that gives no vector; `ModelInvalid` for widths out of range, or
    /// that do not fit each other.
    pub(super) fn read(keys: &Keys<'_>, width: usize, may_rank: bool) -> Result<Self> {
        let pooling = match keys.require("pooling_type", 0..=usize::MAX)? {
            1 => Pooling::Mean,
            2 => Pooling::First,
            3 => Pooling::Last,
            4 if may_rank => {
                return Ok(Self { pooling: Pooling::First, dense: Some([width, 1]), ranks: true });
            }
            other => {
                return Err(unsupported(format!(
                    "pooling_type is {other}; 1 (mean), 2 (first token) and 3 (last token) are possible"
                )));
            }
        };
        let Some(inner) = keys.count("dense_2_feat_out", 1..=MAX_WIDTH)? else {
            return Ok(Self { pooling, dense: None, ranks: false });
        };
        keys.require("dense_2_feat_in", width..=width)?;
        keys.require("dense_3_feat_in", inner..=inner)?;
        let dense = Some([inner, keys.require("dense_3_feat_out", 1..=MAX_WIDTH)?]);
        Ok(Self { pooling, dense, ranks: false })
    }

    /// Width of the vector made of rows `width` wide.
    pub(crate) fn vector(&self, width: usize) -> usize {
        self.dense.map_or(width, |[_, vector]| vector)
    }
}
