//! One generation's way through its grammar: which tokens may come, and what has come. Knows no logits.

use super::compiled::Compiled;
use super::ledger::{Ledger, Part};
use super::lexicon::Lexicon;
use super::limits::{error, said};
use super::schema::Checked;
use crate::error::{Error, ErrorKind, Result};
use llguidance::earley::Parser;
use llguidance::toktrie::{SimpleVob, TokTrie, parse_numeric_token};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of stack that following a grammar may take; where there are fewer it has so many of its own.
const STACK_LEFT: usize = 256 << 10;
const STACK: usize = 4 << 20;

/// A generation's grammar under way.
pub struct Bound {
    parser: Parser,
    lexicon: Arc<Lexicon>,
    checked: Option<Arc<Checked>>,
    /// Where it is a call: to what the arguments of each tool are held.
    tools: Vec<(String, Checked)>,
    has_called: bool,
    /// The last token of all.
    last: Option<u32>,
    /// End tokens may come where the grammar is complete.
    may_end: bool,
    /// What was generated, where it is checked once more.
    text: Vec<u8>,
    /// What may come next; `None`: not known yet.
    next: Option<Next>,
    is_finished: bool,
    /// Until then everything may come.
    has_begun: bool,
    memory: Part,
}

/// What may come next.
struct Next {
    mask: SimpleVob,
    /// Tokens that come whatever the model says.
    forced: Vec<u32>,
}

impl Bound {
    /// In front of its beginning: it binds nothing before [`begin`](Self::begin).
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(compiled: &Compiled, lexicon: Arc<Lexicon>, ledger: &Ledger) -> Result<Self> {
        let bytes = compiled.parser.lexer_stats().num_bytes as u64;
        let memory = ledger.take("generations under a grammar", bytes)?;
        let (parser, checked) = (compiled.parser.deep_clone(), compiled.checked.clone());
        Ok(Self {
            parser,
            lexicon,
            checked,
            tools: Vec::new(),
            has_called: false,
            last: None,
            may_end: true,
            text: Vec::new(),
            next: None,
            is_finished: false,
            has_begun: false,
            memory,
        })
    }

    /// Whether end-of-generation tokens may come where the grammar is complete; else they may, from the
    /// beginning on.
    pub fn set_may_end(&mut self, may_end: bool) {
        self.may_end = may_end;
    }

    /// It is a call of one of these tools, with arguments of its schema.
    pub(super) fn set_tools(&mut self, tools: Vec<(String, Checked)>) {
        self.tools = tools;
    }

    /// From here on the grammar binds. What comes stands behind `prefix`, which is the grammar's too, and
    /// behind the token `last`.
    ///
    /// Where thinking comes first nothing is bound until it is over: then the prefix is what of the answer
    /// has come together with its end.
    ///
    /// # Errors
    /// `Grammar`: it does not allow the prefix.
    pub fn begin(&mut self, prefix: &str, last: Option<u32>) -> Result<()> {
        (self.last, self.has_begun, self.next) = (last, true, None);
        for (at, byte) in prefix.bytes().enumerate() {
            guarded(|| {
                self.parser.force_bytes();
                self.parser.apply_token(&[byte], u32::MAX).map(drop).map_err(said)
            })
            .map_err(|why| why.within(format_args!("the grammar does not allow byte {at}")))?;
        }
        if self.checked.is_some() {
            self.text.extend_from_slice(prefix.as_bytes());
        }
        self.look_for_end()
    }

    /// The tokens that may come next, as bits: token `t` is bit `t % 32` of word `t / 32`. Found once, then
    /// kept until the next [`accept`](Self::accept). Before [`begin`](Self::begin) all.
    ///
    /// # Errors
    /// `Grammar`: nothing may, or to find out would take too long; `OutOfMemory`.
    pub fn mask(&mut self) -> Result<&[u32]> {
        if self.next.is_none() {
            self.next = Some(match self.has_begun {
                true => guarded(|| self.find())?,
                false => {
                    let mut mask = self.lexicon.trie().alloc_token_set();
                    mask.set_all(true);
                    Next { mask, forced: Vec::new() }
                }
            });
        }
        Ok(self.next.as_ref().map_or(&[], |next| next.mask.as_slice()))
    }

    /// Tokens that come next whatever the model says, as far as is known.
    pub fn forced(&self) -> &[u32] {
        self.next.as_ref().map_or(&[], |next| &next.forced)
    }

    /// Takes the token that was chosen, of those that may come.
    ///
    /// # Errors
    /// `Grammar`: it may not, or what would follow is beyond the limits.
    pub fn accept(&mut self, token: u32) -> Result<()> {
        if !self.has_begun {
            return Ok(());
        }
        let forced = self.next.take().map(|next| next.forced).unwrap_or_default();
        if self.may_end && self.lexicon.ends().contains(&token) {
            return Ok(());
        }
        let bytes = self.lexicon.trie().decode_raw(&[token]);
        guarded(|| match self.parser.apply_token(&bytes, token) {
            Ok(0) => Ok(()),
            Ok(_) => Err(error("the grammar hides text behind what it stops at, which is not supported")),
            Err(why) => Err(said(format_args!("the grammar cannot go on: {why:#}"))),
        })?;
        if self.checked.is_some() {
            self.text.extend_from_slice(self.lexicon.trie().token(token));
        }
        self.last = Some(token);
        // Of a run of forced tokens the rest stays forced, and need not be found again.
        if let [first, rest @ ..] = forced.as_slice()
            && *first == token
            && let [second, ..] = rest
        {
            let mask = self.lexicon.trie().singleton_token_set(*second);
            self.next = Some(Next { mask, forced: rest.to_vec() });
            return Ok(());
        }
        self.look_for_end()
    }

    /// Whether the grammar binds what comes now.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether nothing may follow.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Looks over what was generated, which is complete.
    ///
    /// # Errors
    /// `Grammar`: it is not what the schema says, and where; or it never began.
    pub fn check_finished(&self) -> Result<()> {
        if !self.has_begun {
            return Err(error("the answer ended before what the grammar binds had begun"));
        }
        match &self.checked {
            Some(checked) => checked.check(&self.text),
            None => Ok(()),
        }
    }

    /// Looks over a call that was made, as its event has it.
    ///
    /// # Errors
    /// `Grammar`: its arguments are not what the tool's schema says.
    pub fn check_call(&mut self, call: &str) -> Result<()> {
        self.has_called = true;
        let call: Value = serde_json::from_str(call).map_err(|why| error(format_args!("the call: {why}")))?;
        let Some((name, checked)) = self.tools.iter().find(|(name, _)| call["name"] == **name) else {
            return Ok(());
        };
        let checked = checked.check(call["arguments"].to_string().as_bytes());
        checked.map_err(|why| why.within(format_args!("the call of \"{name}\"")))
    }

    /// Where it is a call, which is complete: it was read as one.
    ///
    /// # Errors
    /// `Grammar`: it was not.
    pub fn check_called(&self) -> Result<()> {
        match self.tools.is_empty() || self.has_called {
            true => Ok(()),
            false => Err(error("the call that was generated cannot be read")),
        }
    }

    fn look_for_end(&mut self) -> Result<()> {
        let parser = &mut self.parser;
        self.is_finished = guarded(|| {
            let pending = !parser.force_bytes().is_empty();
            Ok(!pending && parser.is_accepting() && !parser.can_advance())
        })?;
        Ok(())
    }

    fn find(&mut self) -> Result<Next> {
        let (parser, lexicon) = (&mut self.parser, &self.lexicon);
        let trie = lexicon.trie();
        let pending = parser.force_bytes().to_vec();
        let mut forced = forced_tokens(lexicon, self.last, &pending).unwrap_or_default();
        if !forced.is_empty() {
            // The last of them may be the beginning of longer ones.
            let (chopped, _) = parser.with_recognizer(|state| trie.chop_tokens(state, &forced));
            forced.truncate(forced.len() - chopped);
        }
        if let Some(first) = forced.first() {
            return Ok(Next { mask: trie.singleton_token_set(*first), forced });
        }
        let mut mask = parser.compute_bias(lexicon.slicer(), &pending);
        if let Some(why) = parser.get_error() {
            return Err(said(format_args!("the grammar cannot go on: {}", why.message())));
        }
        self.memory.resize(parser.lexer_stats().num_bytes as u64)?;
        if self.may_end && pending.is_empty() && parser.is_accepting() {
            lexicon.ends().iter().for_each(|end| mask.allow_token(*end));
        }
        if mask.is_zero() {
            return Err(error("no token of the vocabulary goes on as the grammar wants"));
        }
        Ok(Next { mask, forced })
    }
}

/// The tokens of bytes that must come, behind the token `last`.
fn forced_tokens(lexicon: &Lexicon, last: Option<u32>, bytes: &[u8]) -> Option<Vec<u32>> {
    let mark = TokTrie::SPECIAL_TOKEN_MARKER;
    if let Some(rest) = bytes.strip_prefix(&[mark]) {
        return parse_numeric_token(rest).map(|(_, token)| vec![token]);
    }
    let text = bytes.split(|byte| *byte == mark).next().filter(|text| !text.is_empty())?;
    lexicon.tokens(last, text)
}

/// Runs `work` so that a panic of llguidance's is an error of this generation only.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // The thread may be a host's with a small stack.
    catch_unwind(AssertUnwindSafe(|| stacker::maybe_grow(STACK_LEFT, STACK, work)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a panic while the grammar was followed")))
}
