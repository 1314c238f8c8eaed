//! The grammar of one call of a tool, in the form that a model's template has, with arguments of the tools'
//! schemas. Knows no stream; of a vocabulary only what its markers are.

use super::schema::{Checked, Rewritten};
use crate::error::{Error, ErrorKind, Result};
use crate::text::Vocab;
use crate::text::format::{Body, Marker, Slot, Speech, Tags, Tools, Unit};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Letters of an id that a call's form has: as Mistral's templates want them.
const ID: &str = "/[a-zA-Z0-9]{9}/";

/// Letters at most in a text whose letters are counted, in a form that writes texts without JSON's quotes.
const MOST_LETTERS: u64 = 4_000;

/// Keywords of a tool's parameters that forms with arguments one by one take, beside the arguments
/// themselves.
const TAKEN: [&str; 12] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$defs",
    "definitions",
    "$comment",
];

/// The grammar, in llguidance's Lark, of one call of one of `tools`, or of the one called `only`; and to what
/// the arguments of each are held once more.
///
/// # Errors
/// `InvalidArgument`: there are no tools, or none of that name; `Unsupported`: the form, a tool's name or an
/// argument cannot be bound; `Grammar`: a schema cannot be honoured, and where.
pub(super) fn grammar(
    speech: &Speech,
    tools: Tools<'_>,
    only: Option<&str>,
    vocab: &dyn Vocab,
) -> Result<(String, Vec<(String, Checked)>)> {
    let names: Vec<&str> = tools.names().collect();
    if names.is_empty() {
        let why = "tool_choice wants a call, and no tools are in force: give tools_json, or leave it out";
        return Err(Error::new(ErrorKind::InvalidArgument, why));
    }
    let chosen: Vec<&str> = match only {
        None => names,
        Some(name) if names.contains(&name) => vec![name],
        Some(name) => {
            let there = names.join("\", \"");
            let why = format!("tool_name is \"{name}\", and the tools in force are \"{there}\"");
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
    };
    let form = speech.calls_form();
    let mut writer = Writer { vocab, rules: String::new(), count: 0 };
    let (mut calls, mut checked) = (Vec::new(), Vec::new());
    for name in chosen {
        // Only JSON between marks takes a name as it is.
        let quotes = matches!(form.body, Body::Json(_)) && !form.begin.is_empty();
        if !quotes && !is_word(name) {
            return Err(unsupported(format_args!(
                "the tool \"{name}\": this model's form of calls takes names of letters, digits, _ - . / and $"
            )));
        }
        let empty = json!({"properties": {}});
        let parameters = tools.parameters(name).unwrap_or(&empty);
        let call = writer.call(&form.body, name, parameters);
        calls.push(call.map_err(|why| why.within(format_args!("tool \"{name}\"")))?);
        checked.push((name.to_owned(), Checked::new(object(parameters))));
    }
    let (begin, end) = (writer.marker(&form.begin)?, writer.marker(&form.end)?);
    // Around JSON a model may write a new line; other forms have theirs.
    let is_json = matches!(form.body, Body::Json(_) | Body::Python);
    let space = |marker: &str| if is_json && !marker.is_empty() { "\"\\n\"?" } else { "" };
    let (behind, before) = (space(&begin), space(&end));
    let start = format!("start: {begin} {behind} ({}) {before} {end}\n", calls.join(" | "));
    Ok((start + &writer.rules, checked))
}

/// Writes rules.
struct Writer<'a> {
    vocab: &'a dyn Vocab,
    rules: String,
    count: usize,
}

impl Writer<'_> {
    /// A call of the tool `name`.
    fn call(&mut self, body: &Body, name: &str, parameters: &Value) -> Result<String> {
        match body {
            Body::Json(keys) => {
                let head = format!(
                    "{{{}: {}, {}: ",
                    Value::from(keys.name.as_str()),
                    Value::from(name),
                    Value::from(keys.arguments.as_str())
                );
                let (open, close) = if keys.list { ("[", "]") } else { ("", "") };
                let arguments = self.schema(&object(parameters), "")?;
                Ok(format!("{} {arguments} {}", text(&format!("{open}{head}")), text(&format!("}}{close}"))))
            }
            Body::Named(slots) => {
                let mut call = String::new();
                for slot in slots {
                    let part = match slot {
                        Slot::Text(text) => self.marker(text)?,
                        Slot::Name => text(name),
                        Slot::Id => ID.to_owned(),
                        Slot::NamedId => format!("{} /[0-9]/", text(&format!("functions.{name}:"))),
                    };
                    call = format!("{call} {part}");
                }
                Ok(format!("{call} {}", self.schema(&object(parameters), "")?))
            }
            Body::Tagged(tags) => self.tagged(tags, name, parameters),
            Body::Python => {
                let arguments = self.listed(parameters, "=", None)?;
                Ok(format!("{} {arguments} {}", text(&format!("[{name}(")), text(")]")))
            }
            Body::Braces { before, quote } => {
                let before = self.marker(before)?;
                let arguments = self.listed(parameters, ":", Some(quote))?;
                Ok(format!("{before} {} {arguments} {}", text(&format!("{name}{{")), text("}")))
            }
            Body::Harmony => Err(unsupported(
                "this model's calls are messages with headers (harmony), which tool_choice cannot bind: use WICK_TOOLS_AUTO, and a grammar for the answer",
            )),
        }
    }

    /// The name, then each argument between its tags.
    fn tagged(&mut self, tags: &Tags, name: &str, parameters: &Value) -> Result<String> {
        let mut call = format!("{} {} {}", self.marker(&tags.before)?, text(name), self.marker(&tags.named)?);
        let (key, keyed, valued) =
            (self.marker(&tags.key)?, self.marker(&tags.keyed)?, self.marker(&tags.valued)?);
        for argument in arguments(parameters)? {
            let value = match argument.is_text() {
                true => self.plain(&argument, &tags.valued)?,
                false => format!("{} {valued}", self.schema(parameters, &argument.pointer())?),
            };
            let one = format!("{key} {} {keyed} {value}", text(argument.name));
            call = if argument.is_required { format!("{call} {one}") } else { format!("{call} ({one})?") };
        }
        Ok(format!("{call} {}", self.marker(&tags.tail)?))
    }

    /// Arguments with commas between them. `quote`: what texts stand between, instead of JSON's quotes.
    fn listed(&mut self, parameters: &Value, between: &str, quote: Option<&str>) -> Result<String> {
        // Two rules an argument: nothing came before it, or something did. From the last on backwards.
        let mut rest = ["\"\"".to_owned(), "\"\"".to_owned()];
        for argument in arguments(parameters)?.into_iter().rev() {
            if !is_word(argument.name) {
                return Err(unsupported(format_args!(
                    "the argument \"{}\": this model's form of calls takes names of letters, digits, _ - . / and $",
                    argument.name
                )));
            }
            let value = match quote.filter(|_| argument.is_text() && !argument.is_limited()) {
                Some(quote) => format!("{} {}", self.marker(quote)?, self.plain(&argument, quote)?),
                None => self.schema(parameters, &argument.pointer())?,
            };
            let key = text(&format!("{}{between}", argument.name));
            let [first, next] = rest;
            rest = ["", "\",\""].map(|comma| {
                let skipped = if comma.is_empty() { &first } else { &next };
                let or = if argument.is_required { String::new() } else { format!(" | {skipped}") };
                self.rule(&format!("{comma} {key} {value} {next}{or}"))
            });
        }
        let [first, _] = rest;
        Ok(first)
    }

    /// A text without quotes, and behind it `end`, which is not in it.
    fn plain(&mut self, argument: &Argument<'_>, end: &str) -> Result<String> {
        let behind = self.marker(end)?;
        if let Some(values) = argument.values() {
            let values: Vec<String> = values.iter().map(|value| text(value)).collect();
            return Ok(format!("({}) {behind}", values.join(" | ")));
        }
        if let Some(keyword) = argument.limits().find(|key| !["minLength", "maxLength"].contains(key)) {
            return Err(unsupported(format_args!(
                "\"{keyword}\" of the argument \"{}\": this model writes texts without quotes, where only enum, const, minLength and maxLength can be bound; leave it out, or make it a part of an object",
                argument.name
            )));
        }
        let length = |key: &str| argument.schema.get(key).and_then(Value::as_u64);
        let least = length("minLength").unwrap_or(0);
        if least > MOST_LETTERS {
            return Err(unsupported(format_args!(
                "\"minLength\" of the argument \"{}\" is {least}, and at most {MOST_LETTERS} can be bound",
                argument.name
            )));
        }
        let most =
            length("maxLength").or((least > 0).then_some(MOST_LETTERS)).map(|most| most.min(MOST_LETTERS));
        let count = most.map_or("*".to_owned(), |most| format!("{{{least},{most}}}"));
        let marker = Marker::new(end, self.vocab)?;
        let is_letters = marker.units().iter().all(|unit| matches!(unit, Unit::Letter(_)));
        let name = format!("t{}", self.next());
        if is_letters {
            let _ = writeln!(self.rules, "{name}[suffix={}]: /(?s:.{count})/", text(end));
            return Ok(name);
        }
        // What spells the token's letters would be read as the end. Where letters are counted, too,
        // llguidance has not the fuel to look for all of them.
        let words = regex_escaped(end.trim());
        let letters = match end.trim().chars().next().filter(|_| most.is_some()) {
            Some(first) => format!("/[^{}]{count}/", regex_escaped(&first.to_string())),
            None => format!("/(?s:.*)/ & ~/(?s:.*){words}(?s:.*)/"),
        };
        let upper = name.to_uppercase();
        let _ = writeln!(self.rules, "{upper}: {letters}");
        Ok(format!("{upper} {behind}"))
    }

    /// What the schema at `pointer` in `root` allows, as JSON.
    fn schema(&mut self, root: &Value, pointer: &str) -> Result<String> {
        let schema = Rewritten::at(root, pointer)?.schema;
        Ok(self.rule(&format!("%json {schema}")))
    }

    /// A marker: its tokens, and letters.
    fn marker(&self, marker: &str) -> Result<String> {
        let mut parts = Vec::new();
        let mut letters = String::new();
        for unit in Marker::new(marker, self.vocab)?.units() {
            match unit {
                Unit::Letter(letter) => letters.push(*letter),
                Unit::Token(id) => {
                    if !letters.is_empty() {
                        parts.push(text(&std::mem::take(&mut letters)));
                    }
                    parts.push(format!("<[{id}]>"));
                }
            }
        }
        if !letters.is_empty() {
            parts.push(text(&letters));
        }
        Ok(parts.join(" "))
    }

    fn rule(&mut self, body: &str) -> String {
        let name = format!("r{}", self.next());
        let _ = writeln!(self.rules, "{name}: {body}");
        name
    }

    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }
}

/// An argument of a tool whose form writes them one by one.
struct Argument<'a> {
    name: &'a str,
    schema: &'a Map<String, Value>,
    is_required: bool,
}

impl<'a> Argument<'a> {
    /// As readers of calls see it: a text, or JSON.
    fn is_text(&self) -> bool {
        match self.schema.get("type") {
            Some(Value::String(kind)) => kind == "string",
            Some(Value::Array(kinds)) => kinds.iter().all(|kind| kind == "string" || kind == "null"),
            _ => false,
        }
    }

    /// Where it is listed what it may be.
    fn values(&self) -> Option<Vec<&'a str>> {
        if let Some(value) = self.schema.get("const") {
            return Some(Vec::from_iter(value.as_str()));
        }
        let values = self.schema.get("enum")?.as_array()?;
        Some(values.iter().filter_map(Value::as_str).collect())
    }

    /// Keywords that say more than that it is a text.
    fn limits(&self) -> impl Iterator<Item = &'a str> {
        let said =
            ["type", "title", "description", "default", "examples", "enum", "const", "nullable", "$comment"];
        self.schema.keys().map(String::as_str).filter(move |key| !said.contains(key))
    }

    fn is_limited(&self) -> bool {
        self.limits().next().is_some()
    }

    fn pointer(&self) -> String {
        format!("/properties/{}", self.name.replace('~', "~0").replace('/', "~1"))
    }
}

/// The arguments that `parameters` name, in their order.
fn arguments(parameters: &Value) -> Result<Vec<Argument<'_>>> {
    let not_named = |keyword: &str| {
        unsupported(format_args!(
            "\"{keyword}\" of the parameters: this model's form of calls writes the arguments one by one, which have to stand in \"properties\""
        ))
    };
    let Some(object) = parameters.as_object() else { return Err(not_named("false")) };
    if let Some(keyword) = object.keys().find(|key| !TAKEN.contains(&key.as_str())) {
        return Err(not_named(keyword));
    }
    let properties = object.get("properties").and_then(Value::as_object);
    let required = object.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_named =
        |name: &Value| name.as_str().zip(properties).is_some_and(|(name, all)| all.contains_key(name));
    if !required.iter().all(is_named) {
        return Err(not_named("required"));
    }
    let properties = || properties.into_iter().flatten();
    let argument = |(name, schema): (&'_ String, &'_ Value)| match schema {
        Value::Object(_) => Ok(()),
        _ => Err(not_named(name)),
    };
    properties().try_for_each(argument)?;
    let all = properties().filter_map(|(name, schema)| {
        let is_required = required.iter().any(|required| required == name.as_str());
        Some(Argument { name, schema: schema.as_object()?, is_required })
    });
    Ok(all.collect())
}

/// Parameters that say of themselves that they are an object: what a tool takes is one. Those that name no
/// argument, and say nothing of others, have none.
fn object(parameters: &Value) -> Value {
    let mut whole = parameters.clone();
    if let Value::Object(object) = &mut whole
        && !object.contains_key("$ref")
    {
        object.entry("type").or_insert_with(|| "object".into());
        let says_more =
            object.keys().any(|key| !TAKEN.contains(&key.as_str()) || key == "additionalProperties");
        let is_empty = object.get("properties").and_then(Value::as_object).is_some_and(Map::is_empty);
        if is_empty && !says_more {
            object.insert("additionalProperties".into(), false.into());
        }
    }
    whole
}

/// Whether `name` is one in every form.
fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "_-.$/".contains(letter))
}

/// A text as Lark has it; nothing: none.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text as a regular expression has it.
fn regex_escaped(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter {
        letter if letter.is_alphanumeric() => letter.to_string(),
        letter => format!("\\x{{{:x}}}", u32::from(letter)),
    });
    letters.collect()
}

fn unsupported(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unsupported, why.to_string())
}
