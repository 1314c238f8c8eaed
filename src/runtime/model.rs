//! A model's handle: its load, its vocabulary, what is known of it.

use super::facts::{LoadState, ModelFacts, ModelInfo};
use super::links::{Command, Links};
use super::load::Load;
use super::options::{ModelOptions, Reading};
use super::owner::Owner;
use super::stream::Stream;
use crate::compute::float_state;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Spec;
use crate::stream::Control;
use crate::sync::{Mutex, lock};
use crate::text::{RenderInput, Rendered, Vocab};
use std::sync::Arc;

pub(super) struct ModelShared {
    pub(super) id: u64,
    pub(super) links: Arc<Links>,
    pub(super) state: Arc<Mutex<LoadState>>,
    pub(super) vocab_only: bool,
    /// Sampling fields may be negative.
    pub(super) sampling_from_model: bool,
    load: Control,
    /// Closed when the load is over.
    loaded: async_channel::Receiver<()>,
    /// A load stream that nobody reads, kept so that the load goes on.
    unread: Mutex<Option<Stream>>,
}

impl ModelShared {
    /// Comes when the load is over, well or not.
    pub(super) async fn loaded(&self) {
        let _ = self.loaded.recv().await;
    }

    /// What is known of the model.
    ///
    /// # Errors
    /// `Busy` while it loads; the load's error after a failed load.
    pub(super) fn facts(&self) -> Result<Arc<ModelFacts>> {
        match &*lock(&self.state) {
            LoadState::Ready(facts) => Ok(facts.clone()),
            LoadState::Failed(error) => Err(error.clone()),
            LoadState::Loading => {
                Err(Error::new(ErrorKind::Busy, "the model is not loaded yet; wait for its load's END"))
            }
        }
    }
}

impl Drop for ModelShared {
    fn drop(&mut self) {
        self.load.cancel();
        self.links.tell(Command::RemoveModel(self.id));
    }
}

/// A model. Cheap to clone; when the last clone and the last session of it are dropped, the model goes, and
/// its load is cancelled.
#[derive(Clone)]
pub struct Model {
    pub(super) shared: Arc<ModelShared>,
    pub(super) owner: Arc<Owner>,
}

impl Model {
    pub(super) fn load<T>(
        owner: &Arc<Owner>,
        options: ModelOptions,
        reading: Reading,
        adopt: impl FnOnce(&Self, Stream) -> T,
    ) -> Result<(Self, T)> {
        let links = &owner.core.links;
        links.check_open()?;
        let options = options.anchored();
        let (producer, consumer) = links.stream(false, reading)?;
        let (over, loaded) = async_channel::bounded(1);
        let shared = Arc::new(ModelShared {
            id: links.name(),
            links: links.clone(),
            state: Arc::new(Mutex::new(LoadState::Loading)),
            vocab_only: options.vocab_only,
            sampling_from_model: options.sampling_from_model,
            load: consumer.control(),
            loaded,
            unread: Mutex::new(None),
        });
        links.tell(Command::AddModel { model: shared.id, drafts: options.drafts });
        let job = Load {
            model: shared.id,
            state: Arc::downgrade(&shared.state),
            links: links.clone(),
            options,
            producer,
            resources: owner.core.resources(),
            over,
        };
        let model = Self { shared, owner: owner.clone() };
        let adopted = adopt(&model, Stream::new(consumer, &owner.core));
        owner.core.load(Box::pin(job.run()));
        Ok((model, adopted))
    }

    /// Lets the load go on without anybody reading its stream.
    pub fn keep_load(&self, stream: Stream) {
        *lock(&self.shared.unread) = Some(stream);
    }

    /// Leaves the weights of a mapped file where they are, from now on and from the start if it is called
    /// right after the load was begun: pages that other processes share and that the system may drop. Else
    /// they are moved to huge pages of this process' own behind the first token, which makes every later one
    /// sooner (Linux 6.1 and later), as far as the system and the process' control groups have memory to
    /// spare.
    pub fn keep_mapped(&self) {
        self.shared.links.tell(Command::KeepMapped(self.shared.id));
    }

    /// Appends the ids of `text` to a new list. `add_special`: with BOS and EOS where the model's file says
    /// so; `parse_special`: the text of control tokens counts as such.
    ///
    /// # Errors
    /// `Busy` while the model loads; the load's error after a failed load; `Tokenizer`.
    pub fn tokenize(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let facts = self.facts()?;
        float_state::own(|| facts.vocab.encode(text, add_special, parse_special, &mut ids))?;
        Ok(ids)
    }

    /// The text of `ids`, as a stream gives it; `special`: with the text of control tokens.
    ///
    /// # Errors
    /// As [`Model::tokenize`]; `InvalidArgument` for an id beyond the vocabulary.
    pub fn detokenize(&self, ids: &[u32], special: bool) -> Result<String> {
        let facts = self.facts()?;
        if let Some(index) = ids.iter().position(|id| *id as usize >= facts.vocab.len()) {
            let (id, count) = (ids[index], facts.vocab.len());
            let message = format!("ids[{index}] is {id}, the vocabulary has {count} tokens");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        float_state::own(|| crate::text::decode(&*facts.vocab, ids, special))
    }

    /// The conversation through the model's chat template.
    ///
    /// # Errors
    /// As [`Model::tokenize`]; `Template`.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<Rendered> {
        let facts = self.facts()?;
        float_state::own(|| facts.vocab.render(input))
    }

    /// How many tokens the conversation has through the model's chat template, as the first of a session.
    ///
    /// # Errors
    /// As [`Model::render`]; `Tokenizer`.
    pub fn count_messages(&self, input: &RenderInput<'_>) -> Result<usize> {
        let facts = self.facts()?;
        let mut ids = Vec::new();
        float_state::own(|| facts.vocab.encode_rendered(&facts.vocab.render(input)?, true, &mut ids))?;
        Ok(ids.len())
    }

    /// What the model is.
    ///
    /// # Errors
    /// `Busy` while it loads; the load's error after a failed load.
    pub fn spec(&self) -> Result<Spec> {
        Ok(self.facts()?.spec.clone())
    }

    /// The model's vocabulary.
    ///
    /// # Errors
    /// As [`Model::spec`].
    pub fn vocab(&self) -> Result<Arc<dyn Vocab>> {
        Ok(self.facts()?.vocab.clone())
    }

    /// What is known of the model.
    ///
    /// # Errors
    /// As [`Model::spec`].
    pub fn info(&self) -> Result<ModelInfo> {
        Ok(self.facts()?.info())
    }

    pub(super) fn facts(&self) -> Result<Arc<ModelFacts>> {
        self.shared.facts()
    }

    /// Whether sessions of it can be made, as far as that is known.
    ///
    /// # Errors
    /// `Unsupported`: it has no weights; the load's error after a failed load; `Shutdown`.
    pub(super) fn check_computes(&self) -> Result<()> {
        self.shared.links.check_open()?;
        self.check_not_failed()?;
        if self.shared.vocab_only {
            let why = "the model was loaded with vocab_only: it has no weights; load it without for sessions";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        Ok(())
    }

    /// The error of a failed load.
    pub(super) fn check_not_failed(&self) -> Result<()> {
        match &*lock(&self.shared.state) {
            LoadState::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
