//! What lies between the markers of calls, as calls. Knows no stream and no markers.

use super::form::{Body, Call, Keys, Slot, Tags};
use super::literal::{DEPTH, Literals};
use super::tools::Tools;
use crate::text::json::keeping_integers;
use serde_json::{Map, Value};

/// Calls at most in one body: a model that repeats itself must not fill the host's memory.
const MOST: usize = 64;

/// The calls that `body` holds, and why there are no more if something is wrong with it. `strict`: what is
/// not a text by its tool's schema is JSON, as in calls that a grammar has bound.
pub(super) fn calls(form: &Body, body: &str, tools: Tools<'_>, strict: bool) -> (Vec<Call>, Option<String>) {
    let mut calls = Vec::new();
    let read = match form {
        Body::Json(keys) => json(keys, body, &mut calls),
        Body::Named(slots) => named(slots, body, &mut calls),
        Body::Tagged(tags) => tagged(tags, body, tools, strict, &mut calls),
        Body::Python => python(body, &mut calls),
        Body::Braces { before, quote } => braces(before, quote, body, &mut calls),
        // One call, whose header is read elsewhere.
        Body::Harmony => json_object(body).map(|arguments| {
            calls.push(Call { id: None, name: String::new(), arguments });
        }),
    };
    let wrong = match read {
        Err(wrong) => Some(wrong),
        Ok(()) if calls.is_empty() => Some("there is no call in it".to_owned()),
        Ok(()) => None,
    };
    calls.truncate(MOST);
    let flat = calls.iter().take_while(|call| call.arguments.values().all(|value| holds(value, DEPTH - 1)));
    let flat = flat.count();
    if let Some(deep) = calls.get(flat) {
        let wrong = format!("the arguments of {} are nested more than {DEPTH} deep", deep.name);
        calls.truncate(flat);
        return (calls, Some(wrong));
    }
    (calls, wrong)
}

/// Whether so many arrays and objects in each other are enough for `value`.
fn holds(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| holds(item, levels - 1)),
        Value::Object(object) => levels > 0 && object.values().all(|item| holds(item, levels - 1)),
        _ => true,
    }
}

type Read = Result<(), String>;

/// Values one behind the other, lists of them too, whatever separates them.
fn json(keys: &Keys, body: &str, calls: &mut Vec<Call>) -> Read {
    let kept = keeping_integers(body);
    let mut rest = kept.trim_start();
    while !rest.is_empty() && calls.len() < MOST {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return Err(format!("it is no JSON: {error}")),
            None => break,
        };
        rest = &rest[values.byte_offset()..];
        let items = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        for item in items {
            calls.push(object_call(keys, item)?);
        }
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || ",;".contains(letter));
    }
    Ok(())
}

/// The call that `value` is, by the template's keys or by those that others use.
fn object_call(keys: &Keys, value: Value) -> Result<Call, String> {
    let Value::Object(mut object) = value else { return Err("a call is no JSON object".to_owned()) };
    if let Some(Value::Object(inner)) = object.remove("function") {
        object.extend(inner);
    }
    let mut take = |keys: &[&str]| keys.iter().find_map(|key| object.remove(*key));
    let name = take(&[&keys.name, "name", "tool_name"]);
    let Some(Value::String(name)) = name else { return Err("a call has no name".to_owned()) };
    let arguments = match take(&[&keys.arguments, "arguments", "parameters", "args"]) {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(Value::String(text)) => json_object(&text)?,
        Some(_) => return Err(format!("the arguments of {name} are no JSON object")),
    };
    let id = take(&["id", "tool_call_id", "call_id"]);
    let id = id.and_then(|id| id.as_str().map(str::to_owned)).filter(|id| !id.is_empty());
    Ok(Call { id, name, arguments })
}

/// The object that `text` is; nothing at all is an empty one.
fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(&keeping_integers(text)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the arguments are no JSON object".to_owned()),
        Err(error) => Err(format!("the arguments are no JSON: {error}")),
    }
}

/// Names, each with its JSON object behind it.
fn named(slots: &[Slot], body: &str, calls: &mut Vec<Call>) -> Read {
    let mut rest = body;
    while let Some(brace) = rest.find('{')
        && calls.len() < MOST
    {
        let (head, behind) = rest.split_at(brace);
        let mut values = serde_json::Deserializer::from_str(behind).into_iter::<Value>();
        if let Some(Err(error)) = values.next() {
            return Err(format!("the arguments are no JSON: {error}"));
        }
        let (object, others) = behind.split_at(values.byte_offset());
        let arguments = json_object(object)?;
        let (id, name) = head_of(slots, head).ok_or("a call has no name")?;
        calls.push(Call { id, name, arguments });
        rest = others;
    }
    if calls.is_empty() {
        // A tool without arguments, of a model that leaves out the empty object.
        let (id, name) = head_of(slots, body).ok_or("a call has no name")?;
        calls.push(Call { id, name, arguments: Map::new() });
    }
    Ok(())
}

/// The id and the name in what comes before the arguments.
fn head_of(slots: &[Slot], head: &str) -> Option<(Option<String>, String)> {
    let mut rest = head;
    if let Some(Slot::Text(first)) = slots.first() {
        // What comes before belongs to the call before it.
        let first = first.trim();
        rest = rest.rfind(first).map_or(rest, |at| &rest[at + first.len()..]);
    }
    let (mut id, mut name) = (None, None);
    for (index, slot) in slots.iter().enumerate() {
        let next = slots[index + 1..].iter().find_map(|slot| match slot {
            Slot::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        });
        let (value, behind) = match (slot, next) {
            (Slot::Text(_), _) => continue,
            (_, Some(next)) => rest.split_once(next).unwrap_or((rest, "")),
            (_, None) => (rest, ""),
        };
        rest = behind;
        let value = value.trim();
        match slot {
            Slot::Id => id = Some(value.to_owned()),
            Slot::NamedId => {
                let inner = value.strip_prefix("functions.").unwrap_or(value);
                name = Some(inner.rsplit_once(':').map_or(inner, |(name, _)| name).to_owned());
                id = Some(value.to_owned());
            }
            _ => name = Some(value.to_owned()),
        }
    }
    let is_name = |name: &String| !name.is_empty() && !name.contains(char::is_whitespace);
    Some((id.filter(|id| !id.is_empty()), name.filter(is_name)?))
}

/// Names, each with arguments between tags.
fn tagged(tags: &Tags, body: &str, tools: Tools<'_>, strict: bool, calls: &mut Vec<Call>) -> Read {
    let [before, named, key, keyed] =
        [&tags.before, &tags.named, &tags.key, &tags.keyed].map(|text| text.trim());
    let mut rest = body.trim_start();
    while calls.len() < MOST {
        if !before.is_empty() {
            let Some(at) = rest.find(before) else { break };
            rest = &rest[at + before.len()..];
        } else if !calls.is_empty() {
            break;
        }
        let ends = [named, key, "\n"].into_iter().filter(|end| !end.is_empty());
        let end = ends.filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let name = name.trim();
        if name.is_empty() {
            return Err("a call has no name".to_owned());
        }
        rest = behind.strip_prefix(named).unwrap_or(behind);
        let mut arguments = Map::new();
        while let Some((between, behind)) = rest.split_once(key) {
            if !before.is_empty() && between.contains(before) {
                // The next call's.
                break;
            }
            let (name_of, behind) = behind.split_once(keyed).ok_or("an argument has no value")?;
            let name_of = name_of.trim();
            let is_text = tools.is_text(name, name_of);
            let (value, behind) =
                if strict { tags.bound(behind, is_text) } else { tags.value(behind, is_text) }
                    .ok_or("an argument has no end")?;
            arguments.insert(name_of.to_owned(), value);
            rest = behind;
        }
        calls.push(Call { id: None, name: name.to_owned(), arguments });
    }
    Ok(())
}

impl Tags {
    /// The value that `text` begins with, and what is behind its end.
    fn value<'a>(&self, text: &'a str, is_text: Option<bool>) -> Option<(Value, &'a str)> {
        let json = self.json(text).filter(|_| is_text != Some(true));
        json.or_else(|| {
            let (value, behind) = text.split_once(self.valued.trim())?;
            Some((typed(self.own_lines(value), is_text), behind))
        })
    }

    /// The same where a grammar has bound it: a text ends where the template's own words first come, and what
    /// is none is JSON.
    fn bound<'a>(&self, text: &'a str, is_text: Option<bool>) -> Option<(Value, &'a str)> {
        if is_text == Some(true) {
            let text = text.strip_prefix(&self.keyed[self.keyed.trim_end().len()..])?;
            let (value, behind) = text.split_once(&self.valued)?;
            return Some((Value::from(value), behind));
        }
        if text.trim_start().starts_with(['{', '[', '"']) {
            self.json(text)
        } else {
            self.value(text, is_text)
        }
    }

    /// The array, object or quoted text that `text` begins with: it may hold the letters that end an
    /// argument.
    fn json<'a>(&self, text: &'a str) -> Option<(Value, &'a str)> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        values.next()?.ok()?;
        let (value, behind) = text.split_at(values.byte_offset());
        Some((typed(value, None), behind.trim_start().strip_prefix(self.valued.trim())?))
    }

    /// A value without the newlines that are the form's.
    fn own_lines<'a>(&self, value: &'a str) -> &'a str {
        if !self.lines {
            return value;
        }
        let value = value.strip_prefix('\n').unwrap_or(value);
        value.strip_suffix('\n').unwrap_or(value)
    }
}

/// What a value is that is written without quotes. `is_text`: as the tool's schema says, if it does.
fn typed(raw: &str, is_text: Option<bool>) -> Value {
    let text = || Value::String(raw.to_owned());
    if is_text == Some(true) {
        return text();
    }
    if let Ok(value) = serde_json::from_str(&keeping_integers(raw.trim())) {
        return value;
    }
    let mut literals = Literals::new(raw, "");
    match literals.value() {
        // A quoted text of Python is one only where the schema wants something else.
        Ok(Value::String(_)) => text(),
        Ok(value) if literals.is_done() => value,
        _ => text(),
    }
}

fn python(body: &str, calls: &mut Vec<Call>) -> Read {
    let mut literals = Literals::new(body, "");
    let list = literals.take("[");
    loop {
        if list && literals.take("]") || literals.is_done() || calls.len() >= MOST {
            break;
        }
        calls.push(literals.call("(", "=", ")")?);
        while literals.take(",") || literals.take(";") {}
    }
    if literals.is_done() { Ok(()) } else { Err("something follows the calls".to_owned()) }
}

fn braces(before: &str, quote: &str, body: &str, calls: &mut Vec<Call>) -> Read {
    let mut literals = Literals::new(body, quote);
    while !literals.is_done() && calls.len() < MOST {
        if !before.trim().is_empty() {
            literals.take(before.trim());
        }
        calls.push(literals.call("{", ":", "}")?);
        while literals.take(",") || literals.take(";") {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(form: &Body, body: &str) -> Result<Vec<(Option<String>, String, Value)>, String> {
        let given = json!([{"name": "f", "parameters": {"properties": {
            "s": {"type": "string"}, "n": {"type": "integer"}
        }}}]);
        let (calls, wrong) = calls(form, body, Tools::new(Some(&given)), false);
        match wrong {
            Some(wrong) => Err(wrong),
            None => Ok(calls.into_iter().map(|call| (call.id, call.name, call.arguments.into())).collect()),
        }
    }

    fn plain(name: &str, arguments: Value) -> (Option<String>, String, Value) {
        (None, name.to_owned(), arguments)
    }

    #[test]
    fn arguments_that_are_nested_too_deep_are_no_call() {
        let form = Body::Json(Keys { name: "name".into(), arguments: "arguments".into(), list: false });
        let nested = |depth| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"name": "f", "arguments": {{"a": {open}{close}}}}}"#)
        };
        assert!(read(&form, &nested(DEPTH - 1)).is_ok());
        let wrong = "the arguments of f are nested more than 40 deep";
        assert_eq!(read(&form, &nested(DEPTH)), Err(wrong.to_owned()));
        assert!(read(&form, &nested(100_000)).is_err());
        let python = |depth| format!("[f(a={}{})]", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&Body::Python, &python(DEPTH - 1)).is_ok());
        assert!(read(&Body::Python, &python(DEPTH)).is_err());
    }

    #[test]
    fn json_bodies_hold_objects_and_lists_under_all_their_keys() {
        let form = Body::Json(Keys { name: "name".into(), arguments: "arguments".into(), list: false });
        for body in [
            r#"{"name": "f", "arguments": {"n": 1}}"#,
            r#" [{"arguments": "{\"n\": 1}", "name": "f"}] "#,
            r#"{"type": "function", "function": {"name": "f", "parameters": {"n": 1}}}"#,
        ] {
            assert_eq!(read(&form, body), Ok(vec![plain("f", json!({"n": 1}))]), "{body}");
        }
        let two = r#"{"name": "f", "id": "a1"}; {"tool_name": "g", "arguments": null, "tool_call_id": "0"}"#;
        let expected =
            [(Some("a1".to_owned()), "f".to_owned(), json!({})), (Some("0".into()), "g".into(), json!({}))];
        assert_eq!(read(&form, two), Ok(expected.to_vec()));
        for body in
            ["", "{", "7", r#"{"name": 7}"#, r#"{"name": "f", "arguments": [1]}"#, r#"{"name": "f"} x"#]
        {
            assert!(read(&form, body).is_err(), "{body}");
        }
    }

    #[test]
    fn names_stand_before_their_arguments() {
        let text = |text: &str| Slot::Text(text.to_owned());
        let mistral = Body::Named(vec![Slot::Name, text("[CALL_ID]"), Slot::Id, text("[ARGS]")]);
        let id = Some("abc".to_owned());
        let expected = vec![(id, "f".to_owned(), json!({"n": {"a": "}"}}))];
        assert_eq!(read(&mistral, r#"f[CALL_ID]abc[ARGS]{"n": {"a": "}"}}"#), Ok(expected));
        let kimi = Body::Named(vec![text("<b>"), Slot::NamedId, text("<a>")]);
        let expected = vec![
            (Some("functions.f:0".to_owned()), "f".to_owned(), json!({"n": 1})),
            (Some("functions.g:1".to_owned()), "g".to_owned(), json!({})),
        ];
        assert_eq!(read(&kimi, r#"<b>functions.f:0<a>{"n": 1}<e><b>functions.g:1<a>{}<e>"#), Ok(expected));
        let deepseek = Body::Named(vec![text("function<s>"), Slot::Name, text("\n```json\n")]);
        let body =
            "function<s>f\n```json\n{\"n\": 18446744073709551616}\n```<e><b>function<s>g\n```json\n{}\n```";
        let calls = read(&deepseek, body).unwrap();
        assert_eq!((calls.len(), calls[1].1.as_str()), (2, "g"));
        assert_eq!(read(&deepseek, "function<s>f"), Ok(vec![plain("f", json!({}))]));
        assert!(read(&deepseek, "").is_err() && read(&mistral, "f[ARGS]{").is_err());
    }

    #[test]
    fn tagged_values_are_what_the_schema_says() {
        let tags = |before: &str, named: &str, key: &str, keyed: &str, valued: &str| {
            let [before, named, key, keyed, valued] = [before, named, key, keyed, valued].map(str::to_owned);
            Body::Tagged(Tags { before, named, key, keyed, valued, tail: String::new(), lines: true })
        };
        let qwen = tags("\n<function=", ">\n", "<parameter=", ">\n", "\n</parameter>");
        let body = "\n<function=f>\n<parameter=s>\n7\n\n</parameter>\n<parameter=n>\n7\n</parameter>\n<parameter=x>\n\
                    {\"a\": [1]}\n</parameter>\n<parameter=y>\n['k', True]\n</parameter>\n<parameter=z>\nplain\n</parameter>\n</function>\n";
        let expected = json!({"s": "7\n", "n": 7, "x": {"a": [1]}, "y": ["k", true], "z": "plain"});
        assert_eq!(read(&qwen, body), Ok(vec![plain("f", expected.clone())]));
        let two = format!("{body}<function=g>\n</function>");
        assert_eq!(read(&qwen, &two), Ok(vec![plain("f", expected), plain("g", json!({}))]));
        // A value that holds what begins a call.
        let quoted = "<function=f>\n<parameter=s>\n<function=g>\n</parameter>\n</function>";
        assert_eq!(read(&qwen, quoted), Ok(vec![plain("f", json!({"s": "<function=g>"}))]));
        let glm = tags("", "", "<k>", "</k><v>", "</v>");
        assert_eq!(read(&glm, "f\n<k>s</k><v>x</v>"), Ok(vec![plain("f", json!({"s": "x"}))]));
        assert_eq!(read(&glm, "f"), Ok(vec![plain("f", json!({}))]));
        assert!(read(&glm, "").is_err() && read(&glm, "f<k>s</k><v>x").is_err());
    }

    #[test]
    fn python_and_braces_are_read() {
        let body = "[f(s='a', n=1), g()]";
        let expected = vec![plain("f", json!({"s": "a", "n": 1})), plain("g", json!({}))];
        assert_eq!(read(&Body::Python, body), Ok(expected));
        let gemma = Body::Braces { before: "call:".into(), quote: "<|\"|>".into() };
        let body = "call:f{s:<|\"|>a, {b}<|\"|>,n:1,l:[<|\"|>x<|\"|>,2],o:{k:true}}";
        let expected = json!({"s": "a, {b}", "n": 1, "l": ["x", 2], "o": {"k": true}});
        assert_eq!(read(&gemma, body), Ok(vec![plain("f", expected)]));
        for body in ["", "[f(", "f(a)", "[f()] x", "f(a=1"] {
            assert!(read(&Body::Python, body).is_err(), "{body}");
        }
    }
}
