//! The form of calls, found in what a template wrote of one call and of two. Knows no template and no tokens.

use super::form::{Body, Calls, Keys, Slot, Tags};
use super::probe::{ID, KEY, NAMED_ID, NUMBER, OTHER, SECOND_KEY, TOOL, VALUE, arguments};
use super::texts::{common_end, first_tag, last_tag, only_first};
use serde_json::Value;

/// Calls in messages with headers.
pub(super) fn harmony() -> Calls {
    Calls { begin: String::new(), end: String::new(), body: Body::Harmony }
}

/// The form of the call in `one`; `two` has a second one behind it, or is empty. `named_ids`: their ids hold
/// the names.
pub(super) fn of(one: &str, two: &str, named_ids: bool) -> Option<Calls> {
    let calls = if named_ids {
        named(one, NAMED_ID, true)
    } else {
        json(one)
            .or_else(|| python(one))
            .or_else(|| braces(one))
            .or_else(|| named(one, TOOL, false))
            .or_else(|| tagged(one, two))
    }?;
    let words = [TOOL, OTHER, KEY, VALUE, ID];
    let is_clean = |marker: &str| !words.iter().any(|word| marker.contains(word));
    (is_clean(&calls.begin) && is_clean(&calls.end)).then_some(calls)
}

/// A call between the texts around it.
fn between(before: &str, behind: &str, body: Body) -> Calls {
    Calls { begin: before.trim().into(), end: behind.trim().into(), body }
}

/// An object, or a list of them, with the name under one key and the arguments under another.
fn json(one: &str) -> Option<Calls> {
    let name = one.find(&format!("\"{TOOL}\""))?;
    let starts = one[..name].rmatch_indices('{').map(|(at, _)| at);
    let (start, end, keys) = starts.take(3).find_map(|start| {
        let mut values = serde_json::Deserializer::from_str(&one[start..]).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let end = start + values.byte_offset();
        Some((start, end, keys_of(&value)?))
    })?;
    let (before, behind) = (one[..start].trim_end(), one[end..].trim_start());
    let (before, behind, list) = match (before.strip_suffix('['), behind.strip_prefix(']')) {
        (Some(before), Some(behind)) => (before, behind, true),
        _ => (before, behind, false),
    };
    // Of several tags those next to the calls.
    Some(between(last_tag(before.trim_end()).1, only_first(behind), Body::Json(Keys { list, ..keys })))
}

/// The keys of the probe's call.
fn keys_of(value: &Value) -> Option<Keys> {
    let object = value.as_object()?;
    let inner = object.get("function").and_then(Value::as_object).unwrap_or(object);
    let is_arguments = |value: &Value| match value {
        Value::String(text) => serde_json::from_str::<Value>(text).is_ok_and(|value| value == arguments()),
        value => *value == arguments(),
    };
    let name = inner.iter().find(|(_, value)| value.as_str() == Some(TOOL))?.0.clone();
    let arguments = inner.iter().find(|(_, value)| is_arguments(value))?.0.clone();
    Some(Keys { name, arguments, list: false })
}

/// `[name(key='value')]`.
fn python(one: &str) -> Option<Calls> {
    let start = one.find(&format!("{TOOL}({KEY}="))?;
    let end = start + one[start..].rfind(')')? + 1;
    let (before, behind) = (one[..start].trim_end(), one[end..].trim_start());
    let (before, behind) = (before.strip_suffix('[')?, behind.strip_prefix(']')?);
    Some(between(before, behind, Body::Python))
}

/// `name{key:"value"}`.
fn braces(one: &str) -> Option<Calls> {
    let start = one.find(&format!("{TOOL}{{{KEY}:"))?;
    let value = &one[start + TOOL.len() + KEY.len() + 2..];
    let quote = &value[..value.find(VALUE)?];
    let end = start + one[start..].rfind('}')? + 1;
    let (begin, before) = first_tag(one[..start].trim_start());
    let body = Body::Braces { before: before.into(), quote: quote.into() };
    Some(between(begin, &one[end..], body))
}

/// The name, or the id that holds it, then the arguments as an object.
fn named(one: &str, name: &str, in_id: bool) -> Option<Calls> {
    let at = one.find(name)?;
    let behind = at + name.len();
    let object = behind + one[behind..].find('{')?;
    let mut values = serde_json::Deserializer::from_str(&one[object..]).into_iter::<Value>();
    if values.next()?.ok()? != arguments() {
        return None;
    }
    let (mut begin, mut before) = first_tag(one[..at].trim_start());
    if begin.len() < at && before.is_empty() && !begin.ends_with(['>', ']']) {
        // No tag: nothing tells where it begins.
        (begin, before) = ("", begin);
    }
    let (ends, end) = last_tag(one[object + values.byte_offset()..].trim_end());
    let mut slots = Vec::new();
    texts(before, &mut slots);
    slots.push(if in_id { Slot::NamedId } else { Slot::Name });
    texts(&one[behind..object], &mut slots);
    let end = if end.is_empty() { ends } else { end };
    (!begin.is_empty()).then(|| between(begin, end, Body::Named(slots)))
}

/// A text, in which the call's id may stand.
fn texts(text: &str, slots: &mut Vec<Slot>) {
    let mut push = |text: &str| {
        if !text.trim().is_empty() {
            slots.push(Slot::Text(text.to_owned()));
        }
    };
    match text.split_once(ID) {
        Some((before, behind)) => {
            push(before);
            slots.push(Slot::Id);
            if !behind.trim().is_empty() {
                slots.push(Slot::Text(behind.to_owned()));
            }
        }
        None => push(text),
    }
}

/// The name, then each key and value between tags.
fn tagged(one: &str, two: &str) -> Option<Calls> {
    let first = one.find(TOOL)?;
    let key = first + one[first..].find(KEY)?;
    let value = key + one[key..].find(VALUE)?;
    let second = value + one[value..].find(SECOND_KEY)?;
    let number = second + one[second..].find(&NUMBER.to_string())?;
    // Where a header names the tool too, the last one is the call's.
    let name = one[..key].rfind(TOOL)?;
    let named = &one[name + TOOL.len()..key];
    let keyed = &one[key + KEY.len()..value];
    let joint = &one[value + VALUE.len()..second];
    let before_key = &named[named.len() - common_end(named, joint)..];
    let key_tag = before_key.rfind('<').map(|at| &before_key[at..])?;
    let valued = &joint[..joint.len() - key_tag.len()];
    let named = &named[..named.len() - key_tag.len()];
    let tail = one[number + NUMBER.to_string().len()..].strip_prefix(valued.trim_end())?;
    let (begin, before) = first_tag(&one[..name]);
    let (mut behind, mut end) = last_tag(tail.trim_end());
    if !begin.ends_with('>') {
        return None;
    }
    // Several calls in one frame.
    let joint = two.find(OTHER).and_then(|other| two[..other].rfind(VALUE).map(|_| &two[..other]));
    if let Some(joint) = joint
        && joint.matches(begin).count() == 1
    {
        end = last_tag(two.trim_end()).1;
        behind = tail.strip_suffix(end).unwrap_or("");
    }
    let lines = keyed.ends_with('\n') && valued.starts_with('\n');
    let tags = Tags {
        before: before.into(),
        named: named.into(),
        key: key_tag.into(),
        keyed: keyed.into(),
        valued: valued.into(),
        tail: behind.into(),
        lines,
    };
    Some(between(begin, end, Body::Tagged(tags)))
}
