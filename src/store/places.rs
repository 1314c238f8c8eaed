//! Places that a saved session can go back to, and where its last answer begins. Knows not what becomes of
//! them.

use super::fields::{Field, Fields, OPTIONAL, Writer};
use super::json::Budget;
use super::session::{MAX_TOKENS, Session, Variables, read_template, read_tools};
use crate::error::Result;
use crate::text::Unfinished;
use serde_json::{Map, Value, to_string};
use std::sync::Arc;

/// Bytes of this section.
pub(super) const MAX_BYTES: usize = 64 << 20;

mod numbers {
    pub(super) const ANSWER: u32 = 1;
    pub(super) const TOOLS: u32 = 2;
    pub(super) const TEMPLATE: u32 = 3;
    pub(super) const PLACE: u32 = 4;

    /// Of a place.
    pub(super) const SAID: u32 = 1;
    pub(super) const UNFINISHED: u32 = 2;
    pub(super) const SHARED: u32 = 3;
    pub(super) const TAIL: u32 = 4;
    pub(super) const BEGIN: u32 = 5;
    pub(super) const OF_TOOLS: u32 = 6;
    pub(super) const OF_TEMPLATE: u32 = 7;
    pub(super) const FIELDS: u32 = 8 | super::OPTIONAL;
}

/// What a last generation said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastAnswer {
    /// How many of the session's tokens come before it.
    pub begin: Option<u64>,
    /// That generation came to nothing, and what is here is another's.
    pub is_older: bool,
}

/// How a session was at some place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// Messages, without its own.
    pub messages: u64,
    /// Bytes of the last one.
    pub content: u64,
    /// Control tokens that the model said in it.
    pub controls: u64,
    /// Bytes of what the model thought in it.
    pub thought: u64,
    /// Calls that the model made in it.
    pub calls: u64,
    /// The character that the text ended inside of.
    pub unfinished: Unfinished,
    /// Its tokens were those that it has now up to here,
    pub shared: u64,
    /// and then these.
    pub tail: Vec<u32>,
    /// The answer then.
    pub answer: LastAnswer,
    /// Those in force then.
    pub variables: Variables,
}

/// The places of a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places {
    /// The answer now.
    pub answer: LastAnswer,
    /// The oldest first.
    pub all: Vec<Place>,
}

/// What places are of.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) session: &'a Session,
    /// Tokens of the session, each below `vocab_size`.
    pub(super) tokens: usize,
    pub(super) vocab_size: usize,
}

impl Places {
    /// With as many of the newest places as a save has room for.
    pub(super) fn encode(&self, of: Of<'_>) -> Result<Vec<u8>> {
        let (mut tools, mut templates) = (Table::default(), Table::default());
        let (mut json, mut places, mut size) = (Budget::default(), Vec::new(), 0);
        let mut after: Option<&Place> = None;
        for place in self.all.iter().rev() {
            if place.fault(of).is_some() || after.is_some_and(|after| !place.is_before(after)) {
                continue;
            }
            let before = tools.size + templates.size;
            let variables = &place.variables;
            let known = tools.number(variables.tools.as_ref(), to_string, &mut json).zip(templates.number(
                variables.template.as_ref(),
                to_string,
                &mut json,
            ));
            let Some((of_tools, of_template)) = known else { break };
            let bytes = place.encode(of_tools, of_template)?;
            // The numbers and lengths of fields are in the margin.
            size += bytes.len() + 8 + tools.size + templates.size - before;
            if size > MAX_BYTES / 8 * 7 {
                break;
            }
            places.try_reserve(1)?;
            places.push(bytes);
            after = Some(place);
        }
        let mut writer = Writer::default();
        let answer = Some(self.answer).filter(|answer| answer.is_within(of.tokens));
        writer.put(numbers::ANSWER, &answer.unwrap_or_default().encode())?;
        tools.texts.iter().try_for_each(|text| writer.put(numbers::TOOLS, text.as_bytes()))?;
        templates.texts.iter().try_for_each(|text| writer.put(numbers::TEMPLATE, text.as_bytes()))?;
        places.iter().rev().try_for_each(|bytes| writer.put(numbers::PLACE, bytes))?;
        Ok(writer.into_bytes())
    }

    pub(super) fn decode(mut fields: Fields<'_>, of: Of<'_>) -> Result<Self> {
        let (mut places, mut answer, mut json) = (Self::default(), None, Budget::default());
        let (mut tools, mut templates) = (Vec::new(), Vec::new());
        while let Some(field) = fields.next()? {
            let mut read = Variables::default();
            match field.number {
                numbers::ANSWER => {
                    let said = LastAnswer::decode(&field)?;
                    if !said.is_within(of.tokens) {
                        return Err(field.fault("the answer begins beyond the session's tokens"));
                    }
                    field.once(&mut answer, said)?;
                }
                numbers::TOOLS => {
                    read_tools(&mut read, &field, &mut json)?;
                    tools.extend(read.tools);
                }
                numbers::TEMPLATE => {
                    read_template(&mut read, &field, &mut json)?;
                    templates.extend(read.template);
                }
                numbers::PLACE => {
                    let inner = Fields::new("places", field.bytes, field.offset);
                    let place = Place::decode(inner, &tools, &templates)?;
                    let is_behind = places.all.last().is_none_or(|last| last.is_before(&place));
                    let fault = place.fault(of).or((!is_behind).then_some("it comes before the last one"));
                    if let Some(fault) = fault {
                        return Err(field.fault(fault));
                    }
                    places.all.try_reserve(1)?;
                    places.all.push(place);
                }
                _ => field.unknown()?,
            }
        }
        places.answer = answer.unwrap_or_default();
        Ok(places)
    }
}

impl Place {
    /// Why no such session was ever there.
    fn fault(&self, Of { session, tokens, vocab_size }: Of<'_>) -> Option<&'static str> {
        let last = usize::try_from(self.messages).ok().map(|messages| messages.checked_sub(1));
        let content = match last {
            Some(None) => Some(""),
            Some(Some(last)) => session.messages.get(last).map(|said| said.message.content.as_str()),
            None => None,
        };
        let Some(content) = content else { return Some("it has more messages than the session") };
        let ends = usize::try_from(self.content).is_ok_and(|end| content.is_char_boundary(end));
        let held = self.shared.saturating_add(self.tail.len() as u64);
        match () {
            () if !ends => Some("its last message ends beyond its text, or inside of a character"),
            () if self.shared > tokens as u64 => Some("it has more of the session's tokens than there are"),
            () if held > MAX_TOKENS as u64 => Some("it has more tokens than a session can have"),
            () if self.tail.iter().any(|id| *id as usize >= vocab_size) => {
                Some("it has tokens beyond the vocabulary")
            }
            () if !self.answer.is_within(held as usize) => Some("its answer begins beyond its tokens"),
            () => None,
        }
    }

    /// Whether it may come before `other`.
    fn is_before(&self, other: &Self) -> bool {
        (self.messages, self.content) <= (other.messages, other.content)
    }

    fn encode(&self, tools: Option<u32>, template: Option<u32>) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        let said = [self.messages, self.content, self.controls].map(u64::to_le_bytes);
        writer.put(numbers::SAID, said.as_flattened())?;
        let fields = [self.thought, self.calls];
        let fields = Some(fields.map(u64::to_le_bytes)).filter(|_| fields != [0; 2]);
        writer.put_some(numbers::FIELDS, fields.as_ref().map(|fields| fields.as_flattened()))?;
        let unfinished = Some(self.unfinished.bytes()).filter(|bytes| !bytes.is_empty());
        writer.put_some(numbers::UNFINISHED, unfinished)?;
        writer.put(numbers::SHARED, &self.shared.to_le_bytes())?;
        let mut tail = Vec::new();
        tail.try_reserve_exact(self.tail.len() * 4)?;
        self.tail.iter().for_each(|id| tail.extend_from_slice(&id.to_le_bytes()));
        writer.put_some(numbers::TAIL, Some(tail).filter(|tail| !tail.is_empty()))?;
        let answer = Some(self.answer).filter(|answer| *answer != LastAnswer::default());
        writer.put_some(numbers::BEGIN, answer.map(LastAnswer::encode))?;
        writer.put_some(numbers::OF_TOOLS, tools.map(u32::to_le_bytes))?;
        writer.put_some(numbers::OF_TEMPLATE, template.map(u32::to_le_bytes))?;
        Ok(writer.into_bytes())
    }

    fn decode(
        mut fields: Fields<'_>,
        tools: &[Arc<Value>],
        templates: &[Arc<Map<String, Value>>],
    ) -> Result<Self> {
        let mut place = Self::default();
        while let Some(field) = fields.next()? {
            match field.number {
                numbers::SAID => {
                    let [messages, content, controls] = field.parts::<8>()? else {
                        return Err(field.fault("it has another size"));
                    };
                    place.messages = u64::from_le_bytes(*messages);
                    place.content = u64::from_le_bytes(*content);
                    place.controls = u64::from_le_bytes(*controls);
                }
                numbers::FIELDS => {
                    let [thought, calls] = field.parts::<8>()? else {
                        return Err(field.fault("it has another size"));
                    };
                    place.thought = u64::from_le_bytes(*thought);
                    place.calls = u64::from_le_bytes(*calls);
                }
                numbers::UNFINISHED => {
                    let unfinished = Unfinished::from_bytes(field.bytes);
                    place.unfinished =
                        unfinished.ok_or_else(|| field.fault("no character begins like that"))?;
                }
                numbers::SHARED => place.shared = field.u64()?,
                numbers::TAIL => {
                    let ids = field.parts::<4>()?;
                    place.tail.try_reserve_exact(ids.len())?;
                    place.tail.extend(ids.iter().map(|id| u32::from_le_bytes(*id)));
                }
                numbers::BEGIN => place.answer = LastAnswer::decode(&field)?,
                numbers::OF_TOOLS => place.variables.tools = Some(named(tools, &field)?),
                numbers::OF_TEMPLATE => place.variables.template = Some(named(templates, &field)?),
                _ => field.unknown()?,
            }
        }
        Ok(place)
    }
}

/// What the field names of those that came before it.
fn named<T>(known: &[Arc<T>], field: &Field<'_>) -> Result<Arc<T>> {
    let number = field.u32()?;
    known.get(number as usize).cloned().ok_or_else(|| field.fault("nothing of that number came before it"))
}

impl LastAnswer {
    /// Whether it begins within so many tokens.
    fn is_within(self, tokens: usize) -> bool {
        self.begin.is_none_or(|begin| begin <= tokens as u64)
    }

    fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        // No session has so many tokens.
        bytes[..8].copy_from_slice(&self.begin.unwrap_or(u64::MAX).to_le_bytes());
        bytes[8..].copy_from_slice(&u32::from(self.is_older).to_le_bytes());
        bytes
    }

    fn decode(field: &Field<'_>) -> Result<Self> {
        let bytes: [u8; 12] = field.array()?;
        let (begin, older) = bytes.split_at(8);
        let begin = u64::from_le_bytes(begin.try_into().unwrap_or_default());
        let is_older = match u32::from_le_bytes(older.try_into().unwrap_or_default()) {
            0 => false,
            1 => true,
            _ => return Err(field.fault("an answer is older or not")),
        };
        Ok(Self { begin: Some(begin).filter(|begin| *begin != u64::MAX), is_older })
    }
}

/// Tools or variables that places have in common, each once.
struct Table<T> {
    /// With the number of its text.
    known: Vec<(Arc<T>, u32)>,
    texts: Vec<String>,
    /// Bytes of all texts.
    size: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { known: Vec::new(), texts: Vec::new(), size: 0 }
    }
}

impl<T> Table<T> {
    /// The number of `value`, if there is one; `None`: a save has no room for it.
    fn number(
        &mut self,
        value: Option<&Arc<T>>,
        print: impl Fn(&T) -> serde_json::Result<String>,
        json: &mut Budget,
    ) -> Option<Option<u32>> {
        let Some(value) = value else { return Some(None) };
        if let Some((_, number)) = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, value)) {
            return Some(Some(*number));
        }
        let text = Budget::print(|| print(value)).ok()?;
        // A host may give the same again with each turn.
        let number = match self.texts.iter().position(|known| *known == text) {
            Some(number) => number,
            None => {
                json.count(&text).ok()?;
                self.size += text.len() + 8;
                self.texts.push(text);
                self.texts.len() - 1
            }
        };
        self.known.push((value.clone(), number as u32));
        Some(Some(number as u32))
    }
}
