//! Adapters of low rank (LoRA): what they may change of a model, and what they add to its matrices. Knows no
//! file and no session.

use crate::budget::Share;
use crate::kernel::{Type, Weights};
use std::collections::BTreeMap;
use std::sync::Arc;
use twox_hash::XxHash3_64;

/// What adapters may change of a model: its matrices, by the names that its file gives them.
#[derive(Debug)]
pub struct Adaptable {
    /// As in `general.architecture`.
    pub(crate) architecture: String,
    pub(crate) matrices: BTreeMap<String, Shape>,
    /// Tensors of the model's file.
    pub(crate) tensors: usize,
}

/// A tensor of `count` matrices behind each other, `(rows, cols)` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Index in the model's tensors.
    pub(crate) tensor: usize,
    pub(crate) cols: usize,
    pub(crate) rows: usize,
    pub(crate) count: usize,
}

/// An adapter that is loaded, for one model: LoRA (Hu et al., arXiv:2106.09685). It owns its values.
pub struct Adapter {
    pub(crate) about: AdapterAbout,
    /// By the index of the model's tensor.
    pub(crate) pairs: Vec<Option<Pair>>,
    /// Whose matrices these are.
    pub(crate) base: Arc<Adaptable>,
    /// Its bytes of the budget.
    pub(crate) _share: Share,
}

/// What is known of an adapter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AdapterAbout {
    /// Its own name (`general.name`), or an empty string.
    pub name: String,
    /// The architecture of its model.
    pub architecture: String,
    /// `adapter.lora.alpha`: what it adds is multiplied by alpha / rank.
    pub alpha: f32,
    /// The largest rank of its matrices.
    pub rank: usize,
    /// Matrices that it changes.
    pub matrices: usize,
    /// Bytes that it holds.
    pub bytes: u64,
    /// What it is known by: a hash (XXH3, 128 bits) of alpha and of all its tensors. Its name is not part of
    /// it.
    pub content: u128,
}

/// What an adapter adds to one tensor's products: factor · up · down.
pub(crate) struct Pair {
    pub(crate) shape: Shape,
    pub(crate) rank: usize,
    /// alpha / rank.
    pub(crate) factor: f32,
    /// How `down` is stored: floats.
    pub(crate) ty: Type,
    /// (count, rank, cols).
    pub(crate) down: Vec<u8>,
    /// (count, rank, rows): transposed, so that results are added to many rows at a time.
    pub(crate) up: Vec<f32>,
}

/// An adapter, and how strongly a sequence takes it.
#[derive(Clone)]
pub struct Adapted {
    /// The adapter.
    pub adapter: Arc<Adapter>,
    /// What it adds is multiplied by it: finite.
    pub scale: f32,
}

impl Adaptable {
    /// The names of the matrices that an adapter may change.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.matrices.keys().map(String::as_str)
    }
}

impl Adapter {
    /// What is known of it.
    pub fn about(&self) -> &AdapterAbout {
        &self.about
    }

    /// Whether it was loaded for a model with these matrices.
    pub(crate) fn is_of(&self, base: Option<&Arc<Adaptable>>) -> bool {
        base.is_some_and(|base| Arc::ptr_eq(base, &self.base))
    }
}

impl Adapted {
    /// What pasts that were computed with it are kept apart by: never 0.
    pub(crate) fn key(&self) -> u64 {
        let content = self.adapter.about.content.to_le_bytes();
        XxHash3_64::oneshot_with_seed(u64::from(self.scale.to_bits()), &content).max(1)
    }
}

impl Pair {
    /// What it adds to `rows` rows from `first` on of the tensor, which lie in one of its matrices: down,
    /// (rank, cols), and up, (rank, …), whose rows are `shape.rows` elements apart.
    pub(crate) fn part(&self, first: usize, rows: usize) -> Option<(Weights<'_>, &[f32])> {
        let Shape { cols, rows: all, .. } = self.shape;
        let (index, first) = (first / all, first % all);
        let row_bytes = self.ty.row_bytes(cols)?;
        let down = self.down.get(index * self.rank * row_bytes..(index + 1) * self.rank * row_bytes)?;
        let up = self.up.get(index * self.rank * all..(index + 1) * self.rank * all)?;
        let up = up.get(first..).filter(|_| first + rows <= all)?;
        Some((Weights::new(self.ty, self.rank, cols, down).ok()?, up))
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapter").field("about", &self.about).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Adapted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapted")
            .field("content", &self.adapter.about.content)
            .field("scale", &self.scale)
            .finish()
    }
}

impl PartialEq for Adapted {
    /// Whether what is computed with them is the same.
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
