//! What a model's turn is made of beside its answer: the markers of its thinking, and the form of its calls.
//! Knows neither templates nor tokens.

use serde_json::{Map, Value};

/// How the model of a chat template speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Format {
    /// Its thinking, if it thinks.
    pub reasoning: Option<Reasoning>,
    /// Its calls; `None`: the template knows none that could be learned, and the fallback's form is used
    /// ([`Calls::fallback`]).
    pub calls: Option<Calls>,
    /// Its turn is a row of messages with headers, as gpt-oss has it (harmony).
    pub harmony: bool,
    /// The template shows a system message.
    pub takes_system: bool,
    /// The template wants the arguments of calls as JSON text, not as an object.
    pub arguments_as_text: bool,
}

/// How thinking is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasoning {
    /// What begins it, without white space around it.
    pub begin: String,
    /// What ends it, without white space around it.
    pub end: String,
    /// All that the template writes between a thought and an answer: `end`, and what is around it.
    pub close: String,
}

/// How calls are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// What begins them, without white space around it; empty: nothing does, they are the whole answer.
    pub begin: String,
    /// What ends them; empty: nothing does.
    pub end: String,
    /// What lies between.
    pub body: Body,
}

/// What lies between the markers of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `{"name": …, "arguments": {…}}`, or a list of such.
    Json(Keys),
    /// The name, then the arguments as a JSON object; some texts around them.
    Named(Vec<Slot>),
    /// The name, then each argument between texts of its own.
    Tagged(Tags),
    /// `[name(key='value'), …]`, as in Python.
    Python,
    /// `name{key:value}`, strings in quotes of its own.
    Braces {
        /// What comes before the name.
        before: String,
        /// What is before and behind a string.
        quote: String,
    },
    /// The body is the arguments; the name was in the message's header (harmony).
    Harmony,
}

/// The keys of a call that is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    pub arguments: String,
    /// The calls are a list.
    pub list: bool,
}

/// A part of what comes before a call's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// This text.
    Text(String),
    /// The tool's name.
    Name,
    /// The call's id.
    Id,
    /// An id that holds the name, as Kimi's `functions.NAME:0`.
    NamedId,
}

/// The texts around the name and the arguments of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// Before the name.
    pub before: String,
    /// Behind the name.
    pub named: String,
    /// Before an argument's key.
    pub key: String,
    /// Between a key and its value.
    pub keyed: String,
    /// Behind a value.
    pub valued: String,
    /// Behind the last argument, or the name where there is none.
    pub tail: String,
    /// The value has lines of its own: a newline before it and one behind it are not part of it.
    pub lines: bool,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// As the model wrote it, if it did.
    pub id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

impl Calls {
    /// The form of models whose template knows no tools: what Hermes 2 Pro (Nous Research, 2024) speaks.
    pub fn fallback() -> Self {
        let keys = Keys { name: "name".into(), arguments: "arguments".into(), list: false };
        Self { begin: "<tool_call>".into(), end: "</tool_call>".into(), body: Body::Json(keys) }
    }
}

impl Reasoning {
    /// Thinking between two markers, ended in a line of its own.
    pub(super) fn between(begin: &str, end: &str) -> Self {
        Self { begin: begin.into(), end: end.into(), close: format!("\n{end}\n\n") }
    }
}
