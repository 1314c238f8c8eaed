//! Which model a save is of: worked out when a save first asks. Knows no save.

use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Gguf, TensorInfo, Value};
use crate::model::Spec;
use crate::pause::Pauses;
use crate::store;
use crate::sync::SetOnce;
use crate::text::Vocab;
use std::sync::{Arc, Weak};
use twox_hash::XxHash3_128;

/// Bytes of a tensor that are looked at, at its beginning, in its middle and at its end.
const SAMPLE: usize = 256;

/// What a model's weights are known by.
pub(super) enum Weights {
    /// A file that its decoder computes with.
    File(Weak<Gguf>),
    /// A hash of them.
    Hashed(u128),
}

/// Which model it is.
pub(super) struct Identity {
    weights: Weights,
    known: SetOnce<Arc<store::Model>>,
}

impl Identity {
    pub(super) fn new(weights: Weights) -> Arc<Self> {
        Arc::new(Self { weights, known: SetOnce::default() })
    }

    /// What saves know of the model that is `spec` and has this vocabulary.
    ///
    /// # Errors
    /// `Shutdown`: its weights are gone; what stops `pauses`.
    pub(super) async fn find(
        &self,
        spec: &Spec,
        vocab: &dyn Vocab,
        pauses: &mut Pauses<'_>,
    ) -> Result<Arc<store::Model>> {
        if let Some(known) = self.known.get() {
            return Ok(known.clone());
        }
        let weights = match &self.weights {
            Weights::Hashed(hash) => *hash,
            Weights::File(gguf) => {
                let gone = || Error::new(ErrorKind::Shutdown, "the model's weights are gone");
                let gguf = gguf.upgrade().ok_or_else(gone)?;
                hash_weights(&gguf, pauses).await?
            }
        };
        let found = store::Model {
            architecture: spec.architecture.clone(),
            name: spec.name.clone(),
            quantisation: spec.quantisation.clone(),
            parameters: spec.parameters,
            vocab_size: vocab.len() as u64,
            vocabulary: hash_vocabulary(vocab, pauses).await?,
            weights,
        };
        let found = Arc::new(found);
        self.known.set(found.clone());
        Ok(found)
    }
}

/// Of all tokens, and of those that have a part of their own.
async fn hash_vocabulary(vocab: &dyn Vocab, pauses: &mut Pauses<'_>) -> Result<u128> {
    let mut hash = Hash::default();
    for id in 0..vocab.len() as u32 {
        let Some(piece) = vocab.piece(id) else { continue };
        hash.number(piece.bytes.len() as u64 * 2 + u64::from(piece.special));
        hash.bytes(piece.bytes);
        pauses.after(piece.bytes.len() + 1).await?;
    }
    hash.number(vocab.bos().map_or(u64::MAX, u64::from));
    vocab.end_ids().iter().for_each(|id| hash.number(u64::from(*id)));
    Ok(hash.finish())
}

/// Of the architecture's own keys, and of what its tensors are called, how they are stored, and a sample of
/// each.
pub(super) async fn hash_weights(gguf: &Gguf, pauses: &mut Pauses<'_>) -> Result<u128> {
    let mut hash = Hash::default();
    let architecture: &str = gguf.metadata().require("general.architecture")?;
    let own = |key: &str| key.strip_prefix(architecture).is_some_and(|rest| rest.starts_with('.'));
    let mut keys: Vec<_> = gguf.metadata().iter().filter(|(key, _)| own(key)).collect();
    keys.sort_by_key(|(key, _)| *key);
    for (key, value) in keys {
        hash.text(key);
        hash.value(&value);
    }
    let mut tensors: Vec<&TensorInfo> = gguf.tensors().iter().collect();
    tensors.sort_by_key(|tensor| tensor.name());
    for tensor in tensors {
        hash.text(tensor.name());
        hash.text(tensor.kind().name());
        tensor.dims().iter().for_each(|size| hash.number(*size));
        let bytes = gguf.bytes(tensor);
        for at in [0, bytes.len() / 2, bytes.len().saturating_sub(SAMPLE)] {
            hash.bytes(bytes.get(at..bytes.len().min(at + SAMPLE)).unwrap_or_default());
        }
        // Each of them may wait for the disk.
        pauses.look_up().await?;
    }
    Ok(hash.finish())
}

#[derive(Default)]
struct Hash(XxHash3_128);

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn value(&mut self, value: &Value<'_>) {
        self.number(value.kind().id().into());
        match value {
            Value::Str(text) => self.text(text),
            Value::Bool(flag) => self.number(u64::from(*flag)),
            Value::Array(array) => {
                self.number(array.len() as u64);
                array.iter().for_each(|value| self.value(&value));
            }
            number => match number.as_integer() {
                Some(integer) => self.bytes(&integer.to_le_bytes()),
                None => self.number(number.as_float().unwrap_or_default().to_bits()),
            },
        }
    }

    fn finish(self) -> u128 {
        self.0.finish_128()
    }
}
