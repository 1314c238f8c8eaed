//! What one model keeps for grammars: its vocabulary as a trie, and what was compiled lately. Knows no
//! generation.

use super::asked::Grammar;
use super::bound::Bound;
use super::compiled::Compiled;
use super::ledger::Ledger;
use super::lexicon::Lexicon;
use super::{calls, limits};
use crate::budget::Budget;
use crate::compute::on_own_stack;
use crate::error::Result;
use crate::sync::{Mutex, lock};
use crate::text::Vocab;
use crate::text::format::{Speech, Tools};
use std::collections::VecDeque;
use std::sync::Arc;

/// Compiled grammars that are kept.
const KEPT: usize = 8;

/// A model's grammars. Any thread; who compiles makes others wait that compile.
pub struct Grammars {
    kept: Mutex<Kept>,
    ledger: Arc<Ledger>,
}

#[derive(Default)]
struct Kept {
    lexicon: Option<Arc<Lexicon>>,
    /// The one that was used last comes first.
    compiled: VecDeque<(Known, Compiled)>,
}

/// What was compiled.
#[derive(PartialEq)]
enum Known {
    Host(Grammar),
    /// Of calls, as it is written.
    Calls(String),
}

impl Default for Grammars {
    /// Of no runtime: their memory is not limited.
    fn default() -> Self {
        Self::new(Budget::new(None))
    }
}

impl Grammars {
    /// None yet; their memory is taken from `budget`.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { kept: Mutex::default(), ledger: Arc::new(Ledger::new(budget)) }
    }

    /// Bytes that the trie, the compiled grammars and the generations under one take.
    pub fn bytes(&self) -> u64 {
        self.ledger.held()
    }

    /// Forgets the trie and what was compiled, but for what generations follow. Never waits: what is used at
    /// this moment stays.
    pub fn clear(&self) {
        if let Ok(mut kept) = self.kept.try_lock() {
            *kept = Kept::default();
        }
    }

    /// What a generation with `grammar` follows. The first of a model makes the trie of `vocab`, which takes
    /// the longest; then compiling takes its time; a grammar that was used lately is there at once.
    ///
    /// # Errors
    /// `Grammar`: what is wrong with it, or cannot be honoured; `Unsupported`, `OutOfMemory`.
    pub fn bind(&self, grammar: &Grammar, vocab: &Arc<dyn Vocab>) -> Result<Bound> {
        self.bind_known(Known::Host(grammar.clone()), vocab)
    }

    /// What a generation follows that is one call of one of `tools`, or of the one called `only`, in the form
    /// of `speech`.
    ///
    /// # Errors
    /// `InvalidArgument`: there are no tools, or none of that name; `Unsupported`: this form, or a tool in
    /// it, cannot be bound; as [`bind`](Self::bind).
    pub fn bind_call(
        &self,
        speech: &Speech,
        tools: Tools<'_>,
        only: Option<&str>,
        vocab: &Arc<dyn Vocab>,
    ) -> Result<Bound> {
        let (grammar, checked) =
            on_own_stack(limits::STACK, || calls::grammar(speech, tools, only, &**vocab))?;
        let mut bound = self.bind_known(Known::Calls(grammar), vocab)?;
        bound.set_tools(checked);
        Ok(bound)
    }

    fn bind_known(&self, wanted: Known, vocab: &Arc<dyn Vocab>) -> Result<Bound> {
        let mut kept = lock(&self.kept);
        let lexicon = match &kept.lexicon {
            Some(lexicon) => lexicon.clone(),
            None => kept.lexicon.insert(Arc::new(Lexicon::new(vocab.clone(), &self.ledger)?)).clone(),
        };
        let known = kept.compiled.iter().position(|(known, _)| *known == wanted);
        let compiled = match known.and_then(|at| kept.compiled.remove(at)) {
            Some((_, compiled)) => compiled,
            None => match &wanted {
                Known::Host(grammar) => Compiled::new(grammar, &lexicon, &self.ledger)?,
                Known::Calls(grammar) => Compiled::of_calls(grammar, &lexicon, &self.ledger)?,
            },
        };
        let bound = Bound::new(&compiled, lexicon, &self.ledger)?;
        kept.compiled.push_front((wanted, compiled));
        kept.compiled.truncate(KEPT);
        Ok(bound)
    }
}
