//! What a fake model says and how it fails, as JSON; knows no decoder.

use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// One element of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Bytes of one token: `{"bytes":[240,159]}`, or a text.
    Bytes(Vec<u8>),
    /// A token by its id: a number.
    Id(u32),
}

/// A fake model's script. In JSON every field may be left out; an unknown one is an error.
///
/// `{"reply": "text" | ["token", {"bytes": [240]}, 257, …], "token_bytes": 4, "echo": false, "endless":
/// false, "ends": true, "end_id": 257, "random": null, "delay_us": 0, "prefill_delay_us": 0, "slices": 1,
/// "fail_at": null, "panic_at": null, "nan_at": null, "gated": false, "context_length": 4096, "max_batch": 8,
/// "max_tokens": 512, "vector_length": 8, "ranks": false, "control": [], "chat_template": null, "rewinds":
/// true, "window": null, "recurrent": false, "drafts": false, "load_steps": 1, "load_delay_us": 0,
/// "load_error": null, "load_panics": false}`
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What it says, token by token; a text is cut into tokens of `token_bytes` bytes.
    pub reply: Vec<Part>,
    /// It says what it was given, in tokens of one byte.
    pub echo: bool,
    /// It says its reply over and over.
    pub endless: bool,
    /// It says the end-of-generation token after its reply; else it goes on with the reply's last token.
    pub ends: bool,
    /// Which end-of-generation token.
    pub end_id: u32,
    /// Logits that depend on all tokens so far, by this seed, in place of the reply.
    pub random: Option<u64>,
    /// How long a pass takes: microseconds.
    pub delay_us: u64,
    /// How much longer it takes for each prompt token: microseconds.
    pub prefill_delay_us: u64,
    /// In how many slices a pass is computed.
    pub slices: u32,
    /// The pass for this token of a reply fails.
    pub fail_at: Option<u64>,
    /// The pass for this token of a reply panics.
    pub panic_at: Option<u64>,
    /// The logits of this token of a reply are NaN.
    pub nan_at: Option<u64>,
    /// A token comes only when [`super::Gate::release`] lets it through.
    pub gated: bool,
    /// Tokens of context.
    pub context_length: usize,
    /// Sequences in a pass.
    pub max_batch: usize,
    /// Tokens in a pass.
    pub max_tokens: usize,
    /// Elements of the vector that it makes of a text.
    pub vector_length: usize,
    /// Further control tokens, by their texts.
    pub control: Vec<String>,
    /// The chat template (feature `text`); `None`: one of its own.
    pub chat_template: Option<String>,
    /// It scores texts for a query, and makes no vectors.
    pub ranks: bool,
    /// Whether sequences can be cut, and share what they have in common.
    pub rewinds: bool,
    /// It keeps the tokens of such a window only (all of them beside it, if it echoes).
    pub window: Option<usize>,
    /// It keeps a state that holds for one place only, as recurrent models do.
    pub recurrent: bool,
    /// Its sessions may draft: then a pass may give several tokens, and what a script says of one concerns
    /// the pass.
    pub drafts: bool,
    /// Steps of the load, each with its progress.
    pub load_steps: u64,
    /// How long the load takes: microseconds.
    pub load_delay_us: u64,
    /// The load fails with this message.
    pub load_error: Option<String>,
    /// The load panics.
    pub load_panics: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            reply: Vec::new(),
            echo: false,
            endless: false,
            ends: true,
            end_id: super::special::END,
            random: None,
            delay_us: 0,
            prefill_delay_us: 0,
            slices: 1,
            fail_at: None,
            panic_at: None,
            nan_at: None,
            gated: false,
            context_length: 4096,
            max_batch: 8,
            max_tokens: 512,
            vector_length: 8,
            control: Vec::new(),
            chat_template: None,
            ranks: false,
            rewinds: true,
            window: None,
            recurrent: false,
            drafts: false,
            load_steps: 1,
            load_delay_us: 0,
            load_error: None,
            load_panics: false,
        }
    }
}

impl Script {
    /// A script that says `text` in tokens of 4 bytes, then ends.
    pub fn saying(text: &str) -> Self {
        Self { reply: cut(text, 4), ..Self::default() }
    }

    /// Reads a script.
    ///
    /// # Errors
    /// `InvalidArgument` that names the field.
    pub fn parse(json: &str) -> Result<Self> {
        let value: Value =
            serde_json::from_str(json).map_err(|error| bad(&format!("is not JSON: {error}")))?;
        let Value::Object(mut fields) = value else { return Err(bad("is not a JSON object")) };
        let mut script = Self::default();
        let token_bytes = number(&mut fields, "token_bytes")?.unwrap_or(4).max(1) as usize;
        script.reply = reply(fields.remove("reply"), token_bytes)?;
        for (name, flag) in [
            ("echo", &mut script.echo),
            ("endless", &mut script.endless),
            ("ends", &mut script.ends),
            ("gated", &mut script.gated),
            ("ranks", &mut script.ranks),
            ("rewinds", &mut script.rewinds),
            ("recurrent", &mut script.recurrent),
            ("drafts", &mut script.drafts),
            ("load_panics", &mut script.load_panics),
        ] {
            match fields.remove(name) {
                None => {}
                Some(Value::Bool(value)) => *flag = value,
                Some(other) => return Err(bad(&format!("field {name} is {other}, not true or false"))),
            }
        }
        for (name, field) in [
            ("delay_us", &mut script.delay_us),
            ("prefill_delay_us", &mut script.prefill_delay_us),
            ("load_steps", &mut script.load_steps),
            ("load_delay_us", &mut script.load_delay_us),
        ] {
            *field = number(&mut fields, name)?.unwrap_or(*field);
        }
        for (name, field) in [
            ("context_length", &mut script.context_length),
            ("max_batch", &mut script.max_batch),
            ("max_tokens", &mut script.max_tokens),
            ("vector_length", &mut script.vector_length),
        ] {
            *field = number(&mut fields, name)?.map_or(*field, |value| value.max(1) as usize);
        }
        script.slices = number(&mut fields, "slices")?.unwrap_or(1).clamp(1, 1 << 20) as u32;
        script.end_id = number(&mut fields, "end_id")?.map_or(script.end_id, |id| id as u32);
        script.window = number(&mut fields, "window")?.map(|window| window as usize);
        script.random = number(&mut fields, "random")?;
        script.fail_at = number(&mut fields, "fail_at")?;
        script.panic_at = number(&mut fields, "panic_at")?;
        script.nan_at = number(&mut fields, "nan_at")?;
        script.load_error = text(&mut fields, "load_error")?;
        script.chat_template = text(&mut fields, "chat_template")?;
        script.control = match fields.remove("control") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(texts)) => {
                texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
            }
            Some(other) => return Err(bad(&format!("field control is {other}, not a list of texts"))),
        };
        match fields.keys().next() {
            Some(unknown) => Err(bad(&format!("field {unknown} is not known"))),
            None => Ok(script),
        }
    }
}

fn reply(value: Option<Value>, token_bytes: usize) -> Result<Vec<Part>> {
    let parts = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(cut(&text, token_bytes)),
        Some(Value::Array(parts)) => parts,
        Some(other) => return Err(bad(&format!("field reply is {other}, not a text or a list"))),
    };
    parts.into_iter().map(part).collect()
}

fn part(value: Value) -> Result<Part> {
    match value {
        Value::String(text) => Ok(Part::Bytes(text.into_bytes())),
        Value::Number(id) => Ok(Part::Id(id.as_u64().unwrap_or(u64::MAX).min(u64::from(u32::MAX)) as u32)),
        Value::Object(object) => {
            let bytes = object.get("bytes").and_then(Value::as_array);
            let bytes = bytes.ok_or_else(|| bad("a reply's object has no list \"bytes\""))?;
            Ok(Part::Bytes(bytes.iter().filter_map(Value::as_u64).map(|byte| byte as u8).collect()))
        }
        other => Err(bad(&format!("a reply holds {other}, not a text, an id or an object"))),
    }
}

fn cut(text: &str, token_bytes: usize) -> Vec<Part> {
    text.as_bytes().chunks(token_bytes).map(|bytes| Part::Bytes(bytes.to_vec())).collect()
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(bad(&format!("field {name} is {other}, not a text"))),
    }
}

fn number(fields: &mut Map<String, Value>, name: &str) -> Result<Option<u64>> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(bad(&format!("field {name} is {value}, not a whole number"))),
        },
    }
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("the fake model's script: {what}"))
}
