//! The right-hand side of products: f32 rows of tokens and their int8 forms. Knows nothing of weights.

use super::types::Form;
use crate::error::Result;

/// Tokens that lie interleaved: what a register tile takes at once.
pub const GROUP: usize = 8;

/// Rows of tokens in the forms that the weights to come need: `(tokens, cols)` each.
///
/// Tokens come in groups of [`GROUP`], the last one narrower. Within a group of `w` tokens the int8 values
/// lie as `(cols / 32, w, 32)`, scales and sums as `(blocks, w)`, sums of 16 as `(blocks, w, 16)`: a tile
/// reads them in one sweep.
#[derive(Default)]
pub struct Activations {
    tokens: usize,
    cols: usize,
    /// The f32 form: `(tokens, cols)`.
    pub(crate) f32: Vec<f32>,
    /// Groups of 32.
    pub(crate) q32: Quantised,
    /// Groups of 256.
    pub(crate) q256: Quantised,
    /// Which forms hold the rows.
    forms: Forms,
}

/// A set of [`Form`]s.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forms(u8);

impl Forms {
    /// No form.
    pub const NONE: Forms = Forms(0);

    /// This set and `form`.
    pub const fn with(self, form: Form) -> Forms {
        Forms(self.0 | 1 << form as u8)
    }

    /// Whether `form` is in the set.
    pub const fn contains(self, form: Form) -> bool {
        self.0 >> form as u8 & 1 == 1
    }
}

/// int8 values with their scales and sums.
#[derive(Default)]
pub(crate) struct Quantised {
    /// The values, within [-127, 127].
    pub(crate) values: Vec<i8>,
    /// The scale of each block; NaN for a block with a NaN or an infinity.
    pub(crate) scales: Vec<f32>,
    /// Blocks of 32: scale times sum.
    pub(crate) scaled_sums: Vec<f32>,
    /// Blocks of 32: the sum of the values.
    pub(crate) sums: Vec<i32>,
    /// The sum of each 16 values: `(blocks, w, 2)` for blocks of 32, `(blocks, w, 16)` for those of 256.
    pub(crate) sums16: Vec<i16>,
    /// Blocks of 256: the sum of each 32 values, `(blocks, w, 8)`.
    pub(crate) sums32: Vec<i16>,
}

impl Activations {
    /// Takes the memory for `tokens` rows of `cols` values in each of `forms`: [`Activations::prepare`]
    /// within it never allocates.
    pub fn reserve(&mut self, tokens: usize, cols: usize, forms: Forms) -> Result<()> {
        let total = tokens.saturating_mul(cols);
        if forms.contains(Form::F32) {
            reserve(&mut self.f32, total)?;
        }
        for (form, block) in [(Form::Q32, 32), (Form::Q256, 256)] {
            if forms.contains(form) {
                let to = if block == 32 { &mut self.q32 } else { &mut self.q256 };
                reserve(&mut to.values, total)?;
                reserve(&mut to.scales, total / block)?;
                reserve(&mut to.sums16, total / 16)?;
                if block == 32 {
                    reserve(&mut to.scaled_sums, total / block)?;
                    reserve(&mut to.sums, total / block)?;
                } else {
                    reserve(&mut to.sums32, total / 32)?;
                }
            }
        }
        Ok(())
    }

    /// Sets the shape and the forms of the rows to come; their contents are unspecified until they are
    /// written.
    ///
    /// Forms that `cols` is not a whole number of blocks for are dropped.
    pub fn prepare(&mut self, tokens: usize, cols: usize, forms: Forms) -> Result<()> {
        self.reserve(tokens, cols, forms)?;
        (self.tokens, self.cols, self.forms) = (tokens, cols, Forms::NONE);
        let total = tokens * cols;
        if forms.contains(Form::F32) {
            fit(&mut self.f32, total);
            self.forms = self.forms.with(Form::F32);
        }
        if forms.contains(Form::Q32) && cols.is_multiple_of(32) {
            fit(&mut self.q32.values, total);
            fit(&mut self.q32.scales, total / 32);
            fit(&mut self.q32.scaled_sums, total / 32);
            fit(&mut self.q32.sums, total / 32);
            fit(&mut self.q32.sums16, total / 16);
            self.forms = self.forms.with(Form::Q32);
        }
        if forms.contains(Form::Q256) && cols.is_multiple_of(256) {
            fit(&mut self.q256.values, total);
            fit(&mut self.q256.scales, total / 256);
            fit(&mut self.q256.sums16, total / 16);
            fit(&mut self.q256.sums32, total / 32);
            self.forms = self.forms.with(Form::Q256);
        }
        Ok(())
    }

    /// Rows held.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Values in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The forms held.
    pub fn forms(&self) -> Forms {
        self.forms
    }

    /// First token and width of the group that `token` is in.
    pub(crate) fn group(&self, token: usize) -> (usize, usize) {
        let first = token / GROUP * GROUP;
        (first, GROUP.min(self.tokens - first))
    }
}

fn reserve<T>(vec: &mut Vec<T>, len: usize) -> Result<()> {
    Ok(vec.try_reserve_exact(len.saturating_sub(vec.len()))?)
}

/// Makes `vec` so long at least; what it holds is unspecified.
fn fit<T: Copy + Default>(vec: &mut Vec<T>, len: usize) {
    if vec.len() < len {
        vec.resize(len, T::default());
    }
}
