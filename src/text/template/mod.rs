//! Chat templates: Jinja out of a model file, which nobody vouches for, rendered within limits. Knows no tokens.
//!
//! What bounds a hostile template:
//! - its source: 256 KiB, 4,096 tokens in a tag, 256 `elif`, counted by the engine's own tokenizer before the parser
//!   recurses over them (`limits`);
//! - the stack: parse and render (and the drop of what they made) run on a stack of our own, of 64 MiB or more;
//! - the engine's fuel: a unit is an instruction, or 64 bytes that an operator (`~ + *`), filter, function or the
//!   output makes, charged before the allocation where its size is known. So no product of strings outgrows the fuel;
//! - what the engine charges too little for is exchanged for what pays first: comparing and printing values that share
//!   their parts, hashing them, and lists that make their items when asked (`program`, `operators`, `filters`, `measure`);
//! - Python's string methods, which are not the engine's, check their result against the fuel left before they make it.

pub mod builtin;
mod filters;
pub(super) mod input;
mod json;
mod limits;
mod measure;
mod methods;
mod operators;
mod overlap;
mod program;
mod shield;
mod time;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, ErrorKind as JinjaErrorKind, Value};

pub(super) use shield::Shield;

use operators::Namespaces;

use super::vocab::RenderInput;
use crate::error::{Error, ErrorKind, Result};

/// The template's name inside the engine, as its error messages show it.
const NAME: &str = "chat template";

/// Bytes of stack for parsing, and for rendering with the base fuel. More fuel gets as much more stack: a template can
/// nest values about as deep as it has fuel, and dropping or printing them recurses. Only what is used is ever touched.
const STACK: usize = 64 << 20;

/// Fuel for every rendering, for each message, for each 4 bytes of input (templates copy a message a few times), and
/// the most of it in all.
const FUEL: u64 = 100_000;
const FUEL_PER_MESSAGE: u64 = 2_000;
const FUEL_LIMIT: u64 = 1_000_000;

/// More input than could ever be written.
const MAX_INPUT: u64 = FUEL_LIMIT * measure::BYTES_PER_FUEL;

/// A parsed chat template. Rendering does not change it; threads may share it.
pub struct Template {
    environment: Environment<'static>,
    /// The strings that the template itself writes in its tags.
    literals: Vec<String>,
    bos: String,
    eos: String,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("bos", &self.bos).field("eos", &self.eos).finish_non_exhaustive()
    }
}

impl Template {
    /// Parses `source`: Jinja text, or the name of a [built-in](builtin) template. `bos` and `eos` are the texts of the
    /// vocabulary's tokens, the template's `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// `Template` if it is malformed or over the limits, or neither a name nor a text with a tag.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self> {
        let source = match builtin::source(source) {
            Some(text) => text,
            // Without a tag it would leave out every message.
            None if !source.contains('{') => return Err(no_template(source)),
            None => source,
        };
        on_own_stack(STACK, || {
            let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
            let syntax = syntax.map_err(|e| template_error(&e))?;
            let checked = limits::check(source, syntax.clone())?;
            let mut environment = environment(syntax);
            environment.add_template_owned(NAME, checked.source).map_err(|e| template_error(&e))?;
            Ok(Self { environment, literals: checked.literals, bos: bos.to_owned(), eos: eos.to_owned() })
        })
    }

    /// The prompt's text.
    ///
    /// # Errors
    /// `Template` if the template raises an exception, fails, or goes over its limits; `ContextFull` if the input is more
    /// than any template may write.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<String> {
        self.render_with(input, &|text| {
            let mut copy = String::new();
            copy.try_reserve_exact(text.len())?;
            copy.push_str(text);
            Ok(copy)
        })
    }

    /// The strings in the template's own tags: comparisons, separators, markup.
    pub(super) fn literals(&self) -> &[String] {
        &self.literals
    }

    /// The prompt's text, with `change` applied to every string of the input.
    pub(super) fn render_with(&self, input: &RenderInput<'_>, change: input::Change<'_>) -> Result<String> {
        let mut bytes = 0u64;
        input::for_each_string(input, &mut |text| bytes += text.len() as u64);
        if bytes > MAX_INPUT {
            let message = format!("the conversation has {bytes} bytes; at most {MAX_INPUT} can be rendered");
            return Err(Error::new(ErrorKind::ContextFull, message));
        }
        let fuel = FUEL + FUEL_PER_MESSAGE.saturating_mul(input.messages.len() as u64) + bytes / 4;
        let fuel = fuel.min(FUEL_LIMIT);
        on_own_stack(STACK / FUEL as usize * fuel as usize, || {
            let mut environment = self.environment.clone();
            environment.set_fuel(Some(fuel));
            let now = input.unix_time;
            environment.add_function("strftime_now", move |format: &str| time::strftime(now, format));
            let namespaces = Namespaces::default();
            namespaces.add_to(&mut environment);
            let context = self.context(input, change)?;
            let text = program::render(&environment, NAME, context).map_err(|e| template_error(&e));
            namespaces.empty();
            text
        })
    }

    /// The template's variables.
    fn context(&self, input: &RenderInput<'_>, change: input::Change<'_>) -> Result<Value> {
        let mut context: Vec<(String, Value)> = vec![
            ("bos_token".into(), self.bos.as_str().into()),
            ("eos_token".into(), self.eos.as_str().into()),
            ("documents".into(), ().into()),
        ];
        // No template could write the name of an operator.
        for (name, value) in input.variables.into_iter().flatten().filter(|(name, _)| !name.starts_with('!'))
        {
            context.push((name.clone(), input::value(value, change)?));
        }
        let spoken = |index: usize| {
            let at = input.spoken.binary_search_by_key(&index, |spoken| spoken.message).ok()?;
            input.spoken.get(at).map(|spoken| &spoken.content)
        };
        let messages = input.messages.iter().enumerate();
        let messages = messages.map(|(index, message)| input::message(message, spoken(index), change));
        context.push(("messages".into(), Value::from(messages.collect::<Result<Vec<_>>>()?)));
        let tools = input.tools.map(|tools| input::value(tools, change)).transpose()?;
        context.push(("tools".into(), tools.unwrap_or_else(|| ().into())));
        context.push(("add_generation_prompt".into(), input.add_generation_prompt.into()));
        Ok(Value::from_pairs(context))
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

/// Runs `work` on a new stack of this many bytes.
fn on_own_stack<T>(bytes: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Cell::new(false);
    let run = || {
        stacker::grow(bytes, || {
            started.set(true);
            work()
        })
    };
    // `stacker` panics when the system refuses the memory; nothing has been done then.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        if started.get() {
            resume_unwind(panic);
        }
        let message = format!("the system refused {bytes} bytes of stack for the chat template");
        Err(Error::new(ErrorKind::OutOfMemory, message))
    })
}

/// The engine as Hugging Face sets it up (`_compile_jinja_template` in transformers), less what reaches outside.
fn environment(syntax: SyntaxConfig) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.remove_global("debug");
    // The engine takes none for an empty list here, Python does not.
    environment.add_test("iterable", |value: &Value| {
        // An iterator over a text counts its letters first.
        value.as_str().is_some() || (!value.is_none() && value.try_iter().is_ok())
    });
    operators::add_to(&mut environment);
    filters::add_to(&mut environment);
    environment.set_formatter(|out, state, value| {
        measure::print(state, value)?;
        minijinja::escape_formatter(out, state, value)
    });
    environment.add_filter(limits::SAME, |value: &Value| value.clone());
    environment.add_filter("tojson", json::tojson);
    environment.add_function("raise_exception", raise_exception);
    environment.set_unknown_method_callback(methods::call);
    environment
}

fn raise_exception(message: &str, _: Kwargs) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(JinjaErrorKind::InvalidOperation, message.to_owned()))
}

fn template_error(error: &minijinja::Error) -> Error {
    Error::new(ErrorKind::Template, format!("the chat template failed: {error}"))
}
