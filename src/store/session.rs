//! What a save holds of a session besides its tokens: options, conversation, what turns are rendered with.
//! Knows not what becomes of it.

use super::faults::too_much;
use super::fields::{Field, Fields, Writer};
use super::json::Budget;
use crate::error::Result;
use crate::text::{Message, Unfinished};
use serde_json::{Map, Value, to_string};
use std::sync::Arc;

/// Bytes of this section.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// Tokens that a save may have.
pub(super) const MAX_TOKENS: usize = 1 << 24;

mod numbers {
    pub(super) const CONTEXT_LENGTH: u32 = 1;
    pub(super) const MODE: u32 = 2;
    pub(super) const SYSTEM: u32 = 3;
    pub(super) const OWN_TOOLS: u32 = 4;
    pub(super) const OWN_TEMPLATE: u32 = 5;
    pub(super) const TOOLS: u32 = 6;
    pub(super) const TEMPLATE: u32 = 7;
    pub(super) const CLOCK: u32 = 8;
    pub(super) const MESSAGE: u32 = 9;
    pub(super) const UNFINISHED: u32 = 10;
    pub(super) const OVERFLOW: u32 = 11;
    pub(super) const PINNED_MESSAGES: u32 = 12;
    pub(super) const ADAPTER: u32 = 13;
    pub(super) const GONE: u32 = 14;

    /// Of a message.
    pub(super) const ROLE: u32 = 1;
    pub(super) const CONTENT: u32 = 2;
    pub(super) const EXTRA: u32 = 3;
    pub(super) const SAID: u32 = 4;
}

/// What a session takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Anything.
    #[default]
    Empty,
    /// Raw input.
    Raw,
    /// Messages.
    Chat,
}

/// What a template is given besides messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables {
    /// Tools.
    pub tools: Option<Arc<Value>>,
    /// More variables.
    pub template: Option<Arc<Map<String, Value>>>,
}

/// A message, and what the model itself said in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The message.
    pub message: Message,
    /// The model said it, with these control tokens.
    pub controls: Option<Vec<Control>>,
}

/// A control token that the model said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Where in the text of its message, in bytes.
    pub at: u64,
    /// The token.
    pub id: u32,
    /// The text has the token's own there.
    pub shown: bool,
}

/// An adapter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapter {
    /// A hash of its content.
    pub content: u128,
    /// How much of it is added.
    pub scale: f32,
}

/// What has gone of a conversation for want of room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    /// Messages.
    pub messages: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Tokens of the first prompt without what went last.
    pub since: u64,
}

/// A session, without its tokens.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Session {
    /// What it was made with; `None`: the model's.
    pub context_length: Option<u64>,
    /// What it takes.
    pub mode: Mode,
    /// Its own message.
    pub system: Option<String>,
    /// What a clear brings back.
    pub own: Variables,
    /// Those in force.
    pub in_force: Variables,
    /// The clock at its first turn: seconds since 1970 (UTC).
    pub clock: Option<i64>,
    /// The conversation, without its own message.
    pub messages: Vec<Said>,
    /// The character that the last text ended inside of.
    pub unfinished: Unfinished,
    /// What becomes of a full context: 0: the generation ends; 1: the oldest messages go.
    pub overflow: u32,
    /// Messages that stay then.
    pub pinned_messages: u32,
    /// What went so.
    pub gone: Gone,
    /// What is added to the model's weights.
    pub adapter: Option<Adapter>,
}

impl Session {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let (mut writer, mut json) = (Writer::default(), Budget::default());
        let mode: u32 = match self.mode {
            Mode::Empty => 0,
            Mode::Raw => 1,
            Mode::Chat => 2,
        };
        writer.put_some(numbers::CONTEXT_LENGTH, self.context_length.map(u64::to_le_bytes))?;
        writer.put(numbers::MODE, &mode.to_le_bytes())?;
        writer.put_some(numbers::SYSTEM, self.system.as_deref())?;
        self.own.encode([numbers::OWN_TOOLS, numbers::OWN_TEMPLATE], &mut writer, &mut json)?;
        self.in_force.encode([numbers::TOOLS, numbers::TEMPLATE], &mut writer, &mut json)?;
        writer.put_some(numbers::CLOCK, self.clock.map(i64::to_le_bytes))?;
        for said in &self.messages {
            writer.put(numbers::MESSAGE, &said.encode(&mut json)?)?;
        }
        writer
            .put_some(numbers::UNFINISHED, Some(self.unfinished.bytes()).filter(|bytes| !bytes.is_empty()))?;
        writer.put(numbers::OVERFLOW, &self.overflow.to_le_bytes())?;
        writer.put(numbers::PINNED_MESSAGES, &self.pinned_messages.to_le_bytes())?;
        let Gone { messages, tokens, since } = self.gone;
        let gone = [messages, tokens, since].map(u64::to_le_bytes);
        writer.put_some(numbers::GONE, (self.gone != Gone::default()).then(|| gone.concat()))?;
        let adapter = |Adapter { content, scale }| {
            let mut bytes = [0; 20];
            bytes[..16].copy_from_slice(&content.to_le_bytes());
            bytes[16..].copy_from_slice(&scale.to_le_bytes());
            bytes
        };
        writer.put_some(numbers::ADAPTER, self.adapter.map(adapter))?;
        let bytes = writer.into_bytes();
        match bytes.len() {
            ..=MAX_BYTES => Ok(bytes),
            more => Err(too_much(format_args!("its messages take {more} bytes, a save has {MAX_BYTES}"))),
        }
    }

    pub(super) fn decode(mut fields: Fields<'_>) -> Result<Self> {
        let (mut session, mut json) = (Self::default(), Budget::default());
        while let Some(field) = fields.next()? {
            match field.number {
                numbers::CONTEXT_LENGTH => session.context_length = Some(field.u64()?),
                numbers::MODE => {
                    session.mode = match field.u32()? {
                        0 => Mode::Empty,
                        1 => Mode::Raw,
                        2 => Mode::Chat,
                        _ => return Err(field.fault("a session takes nothing of the kind")),
                    };
                }
                numbers::SYSTEM => field.once(&mut session.system, field.text()?)?,
                numbers::OWN_TOOLS => read_tools(&mut session.own, &field, &mut json)?,
                numbers::OWN_TEMPLATE => read_template(&mut session.own, &field, &mut json)?,
                numbers::TOOLS => read_tools(&mut session.in_force, &field, &mut json)?,
                numbers::TEMPLATE => read_template(&mut session.in_force, &field, &mut json)?,
                numbers::CLOCK => session.clock = Some(i64::from_le_bytes(field.array()?)),
                numbers::MESSAGE => {
                    let inner = Fields::new("session", field.bytes, field.offset);
                    session.messages.try_reserve(1)?;
                    session.messages.push(Said::decode(inner, &mut json)?);
                }
                numbers::UNFINISHED => {
                    let unfinished = Unfinished::from_bytes(field.bytes);
                    session.unfinished =
                        unfinished.ok_or_else(|| field.fault("no character begins like that"))?;
                }
                numbers::OVERFLOW => session.overflow = field.u32()?,
                numbers::PINNED_MESSAGES => session.pinned_messages = field.u32()?,
                numbers::GONE => {
                    let [messages, tokens, since] = field.parts::<8>()? else {
                        return Err(field.fault("it has another size"));
                    };
                    let [messages, tokens, since] =
                        [messages, tokens, since].map(|number| u64::from_le_bytes(*number));
                    session.gone = Gone { messages, tokens, since };
                }
                numbers::ADAPTER => {
                    let bytes: [u8; 20] = field.array()?;
                    let (content, scale) = bytes.split_at(16);
                    let content = u128::from_le_bytes(content.try_into().unwrap_or_default());
                    let scale = f32::from_le_bytes(scale.try_into().unwrap_or_default());
                    if !scale.is_finite() {
                        return Err(field.fault("the adapter's scale is no number"));
                    }
                    session.adapter = Some(Adapter { content, scale });
                }
                _ => field.unknown()?,
            }
        }
        Ok(session)
    }
}

impl Variables {
    fn encode(&self, [tools, template]: [u32; 2], writer: &mut Writer, json: &mut Budget) -> Result<()> {
        writer.put_some(
            tools,
            self.tools.as_deref().map(|tools| json.write(|| to_string(tools))).transpose()?,
        )?;
        let object =
            self.template.as_deref().map(|template| json.write(|| to_string(template))).transpose()?;
        writer.put_some(template, object)
    }
}

impl Said {
    fn encode(&self, json: &mut Budget) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        writer.put(numbers::ROLE, self.message.role.as_bytes())?;
        writer.put(numbers::CONTENT, self.message.content.as_bytes())?;
        let extra = self.message.extra.as_ref().map(|extra| json.write(|| to_string(extra))).transpose()?;
        writer.put_some(numbers::EXTRA, extra)?;
        if let Some(controls) = &self.controls {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(controls.len() * 16)?;
            for Control { at, id, shown } in controls {
                bytes.extend_from_slice(&at.to_le_bytes());
                bytes.extend_from_slice(&id.to_le_bytes());
                bytes.extend_from_slice(&u32::from(*shown).to_le_bytes());
            }
            writer.put(numbers::SAID, &bytes)?;
        }
        Ok(writer.into_bytes())
    }

    fn decode(mut fields: Fields<'_>, json: &mut Budget) -> Result<Self> {
        let mut said = Self::default();
        while let Some(field) = fields.next()? {
            match field.number {
                numbers::ROLE => said.message.role = field.text()?,
                numbers::CONTENT => said.message.content = field.text()?,
                numbers::EXTRA => field.once(&mut said.message.extra, object(&field, json)?)?,
                numbers::SAID => {
                    let parts = field.parts::<16>()?;
                    let mut controls = Vec::new();
                    controls.try_reserve_exact(parts.len())?;
                    controls.extend(parts.iter().map(|part| {
                        let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| part[at + byte]));
                        let at = u64::from(number(0)) | u64::from(number(4)) << 32;
                        Control { at, id: number(8), shown: number(12) != 0 }
                    }));
                    field.once(&mut said.controls, controls)?;
                }
                _ => field.unknown()?,
            }
        }
        Ok(said)
    }
}

pub(super) fn read_tools(to: &mut Variables, field: &Field<'_>, json: &mut Budget) -> Result<()> {
    let tools = value(field, json)?;
    field.once(&mut to.tools, Arc::new(tools))
}

pub(super) fn read_template(to: &mut Variables, field: &Field<'_>, json: &mut Budget) -> Result<()> {
    let template = object(field, json)?;
    field.once(&mut to.template, Arc::new(template))
}

fn value(field: &Field<'_>, json: &mut Budget) -> Result<Value> {
    let text = std::str::from_utf8(field.bytes).map_err(|_| field.fault("it is no text (UTF-8)"))?;
    json.read(text).map_err(|why| field.fault(&why))
}

fn object(field: &Field<'_>, json: &mut Budget) -> Result<Map<String, Value>> {
    match value(field, json)? {
        Value::Object(object) => Ok(object),
        _ => Err(field.fault("it is JSON, but no object")),
    }
}
