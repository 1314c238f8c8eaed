//! What a family of folders is, as data. Knows no family.

use super::config::Config;
use super::keys::Keys;
use crate::error::Result;

/// One family of folders.
pub(super) struct Row {
    /// What `config.json` calls it (`model_type`).
    pub(super) names: &'static [&'static str],
    /// What `general.architecture` calls it.
    pub(super) architecture: &'static str,
    /// Gates that are the architecture's (`hidden_act`).
    pub(super) gates: &'static [&'static str],
    /// GGUF has its rows of queries and keys in another order, which the folder's rope does not want.
    pub(super) rotate_half: bool,
    /// What a layer's names begin with, its number behind it.
    pub(super) layers: &'static str,
    /// It makes one vector of a text: what becomes of its rows is said beside (`modules.json`).
    pub(super) encodes: bool,
    /// Weights of norms are written as what they differ from 1 by.
    pub(super) norms_from_one: bool,
    /// Fields of `config.json` that it has by another name: the usual one and its own.
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// What the family's class has where the file says nothing.
    pub(super) defaults: &'static [(&'static str, f64)],
    /// The field of what is added to the mean square in norms.
    pub(super) epsilon: &'static str,
    /// Parts of names of a layer's tensors, as the folder and as GGUF has them: before those of all families.
    pub(super) parts: &'static [(&'static str, &'static str)],
    /// What an expert's names begin with, its number behind it, and its own parts likewise.
    pub(super) experts: (&'static str, &'static [(&'static str, &'static str)]),
    /// Names of a layer's tensors that end in neither `weight` nor `bias`, likewise, the ends of GGUF's
    /// included.
    pub(super) bare: &'static [(&'static str, &'static str)],
    /// Names of tensors of no layer, likewise.
    pub(super) whole: &'static [(&'static str, &'static str)],
    /// Puts what other families have not.
    pub(super) own: fn(&Config<'_>, &mut Keys) -> Result<()>,
}
