//! `tojson` as Hugging Face's templates expect it: Python's `json.dumps`, no HTML escapes, without recursion.
//! Knows values, not templates.

use std::sync::Arc;

use crate::error::Result;
use crate::text::template::arguments::Arguments;
use crate::text::template::costs::{Costs, fault};
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{
    Builder, Dict, Items, ObjectKind, Objects, Text, Value, compare, float_text, sort,
};

/// The most bytes of a separator and of one level's indentation.
const MAX_SEPARATOR: usize = 64;

/// How `json.dumps` was asked to write.
struct Style {
    between_items: Text,
    behind_key: Text,
    indent: Option<Text>,
    ensure_ascii: bool,
    sort_keys: bool,
}

/// What is still to be written.
enum Open {
    List(Arc<Items>, usize),
    Dict(Arc<Dict>, Vec<u32>, usize),
}

struct Writer<'m> {
    costs: &'m mut Costs,
    objects: &'m mut Objects,
    out: Builder,
    style: Style,
    open: Vec<Open>,
}

/// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, the filter that
/// transformers adds.
pub(crate) fn tojson(rendering: &mut Rendering<'_>, value: Value, args: Arguments) -> Result<Value> {
    let [ensure_ascii, indent, separators, sort_keys] =
        args.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let truth = |value: Option<Value>| value.is_some_and(|value| value.truth());
    let costs = &mut rendering.costs;
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(indent) => Some(indentation(costs, &indent)?),
    };
    let (between_items, behind_key) = match separators {
        None | Some(Value::None) => (
            Text::literal(if indent.is_some() { "," } else { ", " }.to_owned()),
            Text::literal(": ".to_owned()),
        ),
        Some(Value::Tuple(pair) | Value::List(pair)) if pair.len() == 2 => {
            (separator(&pair[0])?, separator(&pair[1])?)
        }
        Some(other) => {
            return Err(fault(format!("tojson: separators are two strings, not a {}", other.type_name())));
        }
    };
    let style = Style {
        between_items,
        behind_key,
        indent,
        ensure_ascii: truth(ensure_ascii),
        sort_keys: truth(sort_keys),
    };
    let out = Builder::new(costs);
    let mut writer = Writer { costs, objects: &mut rendering.objects, out, style, open: Vec::new() };
    writer.value(&value)?;
    writer.rest()?;
    writer.out.finish().map(Value::Text)
}

fn indentation(costs: &mut Costs, value: &Value) -> Result<Text> {
    let width = match value {
        Value::Text(text) if text.len() <= MAX_SEPARATOR => return Ok(text.clone()),
        Value::Text(text) => text.len() as i64,
        Value::Int(width) => *width,
        Value::Bool(yes) => i64::from(*yes),
        other => {
            return Err(fault(format!(
                "tojson: indent is a {}, not a number or a string",
                other.type_name()
            )));
        }
    };
    if width > MAX_SEPARATOR as i64 {
        return Err(fault(format!("tojson: an indentation of {width}; {MAX_SEPARATOR} are possible")));
    }
    Text::new(costs, &" ".repeat(width.max(0) as usize))
}

fn separator(value: &Value) -> Result<Text> {
    match value {
        Value::Text(text) if text.len() <= MAX_SEPARATOR => Ok(text.clone()),
        Value::Text(text) => {
            Err(fault(format!("tojson: a separator of {} bytes; {MAX_SEPARATOR} are possible", text.len())))
        }
        other => Err(fault(format!("tojson: a separator is a {}, not a string", other.type_name()))),
    }
}

impl Writer<'_> {
    fn push(&mut self, text: &str) -> Result<()> {
        self.out.push(self.costs, text, false)
    }

    /// Writes all that is open to its end.
    fn rest(&mut self) -> Result<()> {
        while let Some(open) = self.open.pop() {
            self.costs.spend(1)?;
            match open {
                Open::List(items, at) => match items.get(at).cloned() {
                    None => self.close(at, "]")?,
                    Some(item) => {
                        self.open.push(Open::List(items, at + 1));
                        self.separate(at)?;
                        self.value(&item)?;
                    }
                },
                Open::Dict(dict, order, at) => {
                    let place = if self.style.sort_keys {
                        order.get(at).map(|place| *place as usize)
                    } else {
                        Some(at)
                    };
                    let pair =
                        place.and_then(|place| Some((dict.keys().get(place)?, dict.values().get(place)?)));
                    let Some((key, value)) = pair.map(|(key, value)| (key.clone(), value.clone())) else {
                        self.close(at, "}")?;
                        continue;
                    };
                    self.open.push(Open::Dict(dict, order, at + 1));
                    self.separate(at)?;
                    self.key(&key)?;
                    self.value(&value)?;
                }
            }
        }
        Ok(())
    }

    fn separate(&mut self, at: usize) -> Result<()> {
        if at > 0 {
            self.out.text(self.costs, &self.style.between_items)?;
        }
        self.new_line(self.open.len())
    }

    fn new_line(&mut self, depth: usize) -> Result<()> {
        let Some(indent) = self.style.indent.clone() else { return Ok(()) };
        self.push("\n")?;
        self.costs.spend(depth / 8)?;
        (0..depth).try_for_each(|_| self.out.text(self.costs, &indent))
    }

    fn close(&mut self, count: usize, close: &str) -> Result<()> {
        if count > 0 {
            self.new_line(self.open.len())?;
        }
        self.push(close)
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::Text(text) => self.string(text),
            Value::None => self.push("null"),
            Value::Bool(true) => self.push("true"),
            Value::Bool(false) => self.push("false"),
            Value::Int(number) => self.push(&number.to_string()),
            Value::Big(digits) => self.push(digits),
            Value::Float(number) => self.push(&json_float(*number)),
            Value::List(items) | Value::Tuple(items) => {
                self.open.push(Open::List(items.clone(), 0));
                self.push("[")
            }
            Value::Dict(dict) => {
                let order = if self.style.sort_keys { self.sorted(dict)? } else { Vec::new() };
                self.open.push(Open::Dict(dict.clone(), order, 0));
                self.push("{")
            }
            // Python refuses it; what `map` and `select` give is a list to a template's author.
            Value::Object(object) if object.kind == ObjectKind::Iterator => {
                let items = self.objects.drain(&self.costs.meter, object.at);
                let items = Items::new(self.costs, items)?;
                self.open.push(Open::List(items, 0));
                self.push("[")
            }
            other => Err(fault(format!("Object of type {} is not JSON serializable", other.type_name()))),
        }
    }

    fn sorted(&mut self, dict: &Dict) -> Result<Vec<u32>> {
        let mut order: Vec<u32> = (0..dict.len() as u32).collect();
        let keys = dict.keys();
        sort(&mut order, |a, b| compare(self.costs, &keys[*a as usize], &keys[*b as usize]))?;
        Ok(order)
    }

    fn key(&mut self, key: &Value) -> Result<()> {
        let text = match key {
            Value::Text(text) => text.clone(),
            Value::None => Text::literal("null".to_owned()),
            Value::Bool(yes) => Text::literal(yes.to_string()),
            Value::Int(number) => Text::literal(number.to_string()),
            Value::Big(digits) => Text::literal(digits.to_string()),
            Value::Float(number) => Text::literal(json_float(*number)),
            other => {
                let kind = other.type_name();
                return Err(fault(format!("keys must be str, int, float, bool or None, not {kind}")));
            }
        };
        self.string(&text)?;
        self.out.text(self.costs, &self.style.behind_key)
    }

    fn string(&mut self, text: &Text) -> Result<()> {
        self.push("\"")?;
        self.costs.spend(text.len() / 16)?;
        for (part, said) in text.parts(0..text.len()) {
            let mut done = 0;
            for (at, letter) in part.char_indices() {
                let special = letter < ' ' || matches!(letter, '"' | '\\');
                if !(special || self.style.ensure_ascii && letter > '~') {
                    continue;
                }
                self.out.push(self.costs, &part[done..at], said)?;
                done = at + letter.len_utf8();
                let escape = match letter {
                    '"' => "\\\"".to_owned(),
                    '\\' => "\\\\".to_owned(),
                    '\n' => "\\n".to_owned(),
                    '\r' => "\\r".to_owned(),
                    '\t' => "\\t".to_owned(),
                    '\u{8}' => "\\b".to_owned(),
                    '\u{c}' => "\\f".to_owned(),
                    other => {
                        other.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
                    }
                };
                self.out.push(self.costs, &escape, said)?;
            }
            self.out.push(self.costs, &part[done..], said)?;
        }
        self.push("\"")
    }
}

fn json_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    float_text(number)
}
