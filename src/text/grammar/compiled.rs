//! A grammar that is compiled for a vocabulary: generations begin with a copy of it. Knows how each kind of
//! grammar becomes one that llguidance follows.

use super::asked::{Grammar, GrammarKind};
use super::ledger::{Ledger, Part};
use super::lexicon::Lexicon;
use super::limits::{self, error, said};
use super::schema::{Checked, Rewritten};
use super::{gbnf, lark};
use crate::compute::on_own_stack;
use crate::error::{Error, ErrorKind, Result};
use llguidance::Logger;
use llguidance::api::{GrammarInit, TopLevelGrammar};
use llguidance::earley::Parser;
use llguidance::earley::perf::ParserPerfCounters;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A compiled grammar.
pub(super) struct Compiled {
    /// As it is before the first token; generations have their own.
    pub(super) parser: Parser,
    /// What a finished text is held to once more.
    pub(super) checked: Option<Arc<Checked>>,
    _memory: Part,
}

impl Compiled {
    /// Of `grammar`, for the tokens of `lexicon`.
    ///
    /// # Errors
    /// `Grammar`: what is wrong with it, or cannot be honoured; `OutOfMemory`.
    pub(super) fn new(grammar: &Grammar, lexicon: &Lexicon, ledger: &Ledger) -> Result<Self> {
        if grammar.text.len() > limits::TEXT {
            let bytes = grammar.text.len();
            return Err(error(format_args!("the grammar has {bytes} bytes; {} are allowed", limits::TEXT)));
        }
        guarded("the grammar", || Self::compile(grammar, lexicon, ledger))
    }

    /// As [`new`](Self::new), of one that is written here: it may hold schemas that are rewritten already.
    pub(super) fn of_calls(grammar: &str, lexicon: &Lexicon, ledger: &Ledger) -> Result<Self> {
        let source = TopLevelGrammar::from_lark(grammar.to_owned());
        guarded("the tools' grammar", || Self::of_source(source, None, lexicon, ledger))
    }

    fn compile(grammar: &Grammar, lexicon: &Lexicon, ledger: &Ledger) -> Result<Self> {
        let text = grammar.text.as_str();
        let mut checked = None;
        let source = match grammar.kind {
            GrammarKind::Json | GrammarKind::JsonSchema => {
                let schema = if grammar.kind == GrammarKind::Json { "true" } else { text };
                let rewritten = Rewritten::new(schema)?;
                checked = Some(Arc::new(rewritten.checked));
                TopLevelGrammar::from_json_schema(rewritten.schema)
            }
            GrammarKind::Regex => TopLevelGrammar::from_lark(lark::of_regex(text)?),
            GrammarKind::Lark => {
                lark::check(text)?;
                TopLevelGrammar::from_lark(text.to_owned())
            }
            GrammarKind::Gbnf => TopLevelGrammar::from_lark(gbnf::translate(text)?),
        };
        Self::of_source(source, checked, lexicon, ledger)
    }

    fn of_source(
        source: TopLevelGrammar,
        checked: Option<Arc<Checked>>,
        lexicon: &Lexicon,
        ledger: &Ledger,
    ) -> Result<Self> {
        let (limits, env) = (limits::parser(), lexicon.env().clone());
        // It writes to nobody.
        let mut logger = Logger::new(0, 0);
        let compiled = GrammarInit::Serialized(source).to_cgrammar(
            Some(env.clone()),
            &mut logger,
            limits.clone(),
            lexicon.slicer().extra_lexemes(),
        );
        let counters = Arc::new(ParserPerfCounters::default());
        // Below llguidance's `TokenParser` and `Matcher`: those replace the process' panic hook.
        let parser = compiled.and_then(|grammar| Parser::new(env, grammar, limits, counters));
        let parser = parser.map_err(|error| said(format_args!("the grammar does not compile: {error:#}")))?;
        let memory = ledger.take("compiled grammars", parser.lexer_stats().num_bytes as u64)?;
        Ok(Self { parser, checked, _memory: memory })
    }
}

/// Runs `compile` on a stack that is large enough; a panic of llguidance's is an error of `what`.
fn guarded<T>(what: &str, compile: impl FnOnce() -> Result<T>) -> Result<T> {
    on_own_stack(limits::STACK, || {
        catch_unwind(AssertUnwindSafe(compile)).unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Internal, format!("a panic while {what} was compiled")))
        })
    })
}
