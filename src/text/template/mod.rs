//! Chat templates: Jinja out of a model file, which nobody vouches for, rendered within limits. Knows no
//! tokens.
//!
//! A template is Jinja2 as Python has it, in the setup of Hugging Face's transformers; `docs/templates.md`
//! says what is different. What bounds a hostile template:
//! - its source: 256 KiB, 4,096 tokens in a tag, 256 `elif`, 100 blocks in each other;
//! - no recursion: the parser (`syntax`), the machine (`machine`) and all that goes through values
//!   (`values::print`, `values::order`, `filters::json`, the drop of lists and maps) keep what waits on
//!   lists;
//! - fuel (`costs`): a unit is an instruction, or 64 bytes that are copied or looked through, charged before
//!   the work. A rendering has as much as its conversation explains;
//! - memory (`costs`): what a string or a list holds is counted before it is allocated, and given back with
//!   it.
//!
//! Strings know which of their bytes come from the conversation (`values::text`): what a template does with
//! them it does with the text they are, and the prompt still tells its own control tokens from those that a
//! message spells.

mod arguments;
pub mod builtin;
mod costs;
mod filters;
mod input;
mod letters;
mod machine;
mod operations;
mod program;
mod rendering;
mod strings;
mod syntax;
mod values;

use std::ops::Range;

use super::vocab::RenderInput;
use crate::error::{Error, ErrorKind, Result};
use crate::pause::{Pauses, at_once};

use costs::Costs;
use machine::Machine;
use program::{Known, Program};
use values::{Builder, Text, Value};

/// Bytes of messages, tools and variables at most: more than any prompt has.
const MAX_INPUT: u64 = 64_000_000;

/// Units of fuel between two looks whether the rendering is still wanted.
const SLICE: u64 = 2048;

/// A parsed chat template. Rendering does not change it; threads may share it.
pub struct Template {
    program: Program,
    bos: Text,
    eos: Text,
}

/// A rendered conversation, and where its bytes come from.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) text: String,
    /// The bytes that come from the conversation: ascending, apart, none empty.
    said: Vec<(u32, u32)>,
}

impl Prompt {
    /// The parts that the template wrote, in order.
    pub(super) fn written(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.said.iter().map(|(start, _)| *start as usize).chain([self.text.len()]);
        let starts = [0].into_iter().chain(self.said.iter().map(|(_, end)| *end as usize));
        starts.zip(ends).map(|(start, end)| start..end).filter(|part| !part.is_empty())
    }

    /// Whether the template wrote what stands in `range`: all but letters and digits there, at least. A
    /// template may put a role's name into a control token (`'<|' + role + '|>'`); a message cannot bring the
    /// rest of it along.
    pub(super) fn wrote(&self, range: Range<usize>) -> bool {
        let first = self.said.partition_point(|(_, end)| *end as usize <= range.start);
        let said = self.said[first..].iter().take_while(|(start, _)| (*start as usize) < range.end);
        let mut any = false;
        for (start, end) in said {
            let part = (*start as usize).max(range.start)..(*end as usize).min(range.end);
            let part = self.text.get(part).unwrap_or_default();
            if !part.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
                return false;
            }
            any = true;
        }
        let whole = self.text.get(range).unwrap_or_default();
        !any || whole.chars().any(|letter| !letter.is_alphanumeric() && letter != '_')
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instructions = self.program.code.len();
        f.debug_struct("Template").field("instructions", &instructions).finish_non_exhaustive()
    }
}

impl Template {
    /// Parses `source`: Jinja text, or the name of a [built-in](builtin) template. `bos` and `eos` are the
    /// texts of the vocabulary's tokens, the template's `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// `Template` if it is malformed or over the limits, or neither a name nor a text with a tag.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self> {
        at_once(Self::in_pieces(source, bos, eos, &mut Pauses::none()))
    }

    /// As [`new`](Self::new), with pauses between the tags of the source.
    ///
    /// # Errors
    /// As [`new`](Self::new)'s; what stops `pauses`.
    pub(super) async fn in_pieces(
        source: &str,
        bos: &str,
        eos: &str,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let source = match builtin::source(source) {
            Some(text) => text,
            // Without a tag it would leave out every message.
            None if !source.contains('{') => return Err(no_template(source)),
            None => source,
        };
        let malformed = |error: Error| match error.kind() {
            ErrorKind::Template => error.within("the chat template is malformed"),
            _ => error,
        };
        let program = syntax::parse(source, pauses).await.map_err(malformed)?;
        let [bos, eos] = [bos, eos].map(|text| Text::literal(text.to_owned()));
        Ok(Self { program, bos, eos })
    }

    /// The prompt's text.
    ///
    /// # Errors
    /// `Template` if the template raises an exception, fails, or goes over its limits; `ContextFull` if the
    /// input is more than any prompt may have.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<String> {
        at_once(self.prompt(input, &mut Pauses::none())).map(|prompt| prompt.text)
    }

    /// The prompt, with pauses between pieces of the work; one instruction (a filter over a long text) is one
    /// piece.
    ///
    /// # Errors
    /// As [`render`](Self::render)'s; what stops `pauses`.
    pub(super) async fn prompt(&self, input: &RenderInput<'_>, pauses: &mut Pauses<'_>) -> Result<Prompt> {
        let size = input::size(input);
        if size.bytes > MAX_INPUT {
            let message =
                format!("the conversation has {} bytes; at most {MAX_INPUT} can be rendered", size.bytes);
            return Err(Error::new(ErrorKind::ContextFull, message));
        }
        let mut machine = Machine::new(&self.program, Costs::new(size), input.unix_time);
        self.set_variables(&mut machine, input, pauses).await.map_err(failed)?;
        loop {
            let done = machine.run(SLICE).map_err(failed)?;
            pauses.after(machine.rendering.costs.since_rest()).await?;
            if done {
                break;
            }
        }
        let (text, said) = machine.finish().map(Builder::into_parts).unwrap_or_default();
        Ok(Prompt { text, said })
    }

    /// Sets the variables that the template asks for.
    async fn set_variables(
        &self,
        machine: &mut Machine<'_>,
        input: &RenderInput<'_>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        machine.set(Known::BosToken as u32, Value::Text(self.bos.clone()))?;
        machine.set(Known::EosToken as u32, Value::Text(self.eos.clone()))?;
        machine.set(Known::Documents as u32, Value::None)?;
        for (name, json) in input.variables.into_iter().flatten() {
            if let Some(name) = self.program.find(name) {
                let value = input::value(&mut machine.rendering.costs, json)?;
                machine.set(name, value)?;
            }
        }
        let mut messages = Vec::new();
        messages.try_reserve_exact(input.messages.len())?;
        let mut spoken = input.spoken.iter().peekable();
        for (index, message) in input.messages.iter().enumerate() {
            let spoken = spoken.next_if(|spoken| spoken.message == index).map(|spoken| &spoken.content);
            messages.push(input::message(&mut machine.rendering.costs, message, spoken)?);
            pauses.after(machine.rendering.costs.since_rest()).await?;
        }
        let messages = Value::list(&mut machine.rendering.costs, messages)?;
        machine.set(Known::Messages as u32, messages)?;
        let tools = match input.tools {
            Some(tools) => input::value(&mut machine.rendering.costs, tools)?,
            None => Value::None,
        };
        machine.set(Known::Tools as u32, tools)?;
        machine.set(Known::AddGenerationPrompt as u32, Value::Bool(input.add_generation_prompt))
    }
}

/// Neither a template's name nor its text.
fn no_template(source: &str) -> Error {
    let names = builtin::NAMES.join(", ");
    let message = format!(
        "{source:.64?} is no chat template: a text would have a tag ({{{{ … }}}}), and the built-in ones are {names}"
    );
    Error::new(ErrorKind::Template, message)
}

fn failed(error: Error) -> Error {
    if error.kind() == ErrorKind::Template { error.within("the chat template failed") } else { error }
}
