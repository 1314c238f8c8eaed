//! Calls and values as Python writes them, and as Gemma does, with keys that are bare words and strings in
//! quotes of their own. Knows no markers and no tools.

use super::form::Call;
use crate::text::json::keeping_integers;
use serde_json::{Map, Number, Value};

/// Arrays and objects in each other at most, a call's arguments one of them: as many as a host's JSON may
/// have, so that what recurses over them takes no more of a stack.
pub(super) const DEPTH: usize = 40;

/// A text that is read from its beginning.
pub(super) struct Literals<'a> {
    rest: &'a str,
    /// Quotes of strings beside `"` and `'`; empty: none.
    quote: &'a str,
}

type Read<T> = Result<T, &'static str>;

impl<'a> Literals<'a> {
    pub(super) fn new(text: &'a str, quote: &'a str) -> Self {
        Self { rest: text, quote }
    }

    /// Nothing but white space is left.
    pub(super) fn is_done(&mut self) -> bool {
        self.skip();
        self.rest.is_empty()
    }

    /// Whether `text` comes next; it is taken then.
    pub(super) fn take(&mut self, text: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `name(key=value, …)`, or with braces and colons.
    pub(super) fn call(&mut self, open: &str, between: &str, close: &str) -> Read<Call> {
        let name = self.word().ok_or("a tool's name is missing")?.to_owned();
        if !self.take(open) {
            return Err("no arguments follow the name");
        }
        let arguments = self.pairs(between, close, DEPTH)?;
        Ok(Call { id: None, name, arguments })
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Read<Value> {
        self.value_within(DEPTH)
    }

    fn value_within(&mut self, depth: usize) -> Read<Value> {
        let depth = depth.checked_sub(1).ok_or("values lie too deep in each other")?;
        if let Some(text) = self.string()? {
            return Ok(Value::String(text));
        }
        if self.take("{") {
            return self.pairs(":", "}", depth).map(Value::Object);
        }
        for (open, close) in [("[", "]"), ("(", ")")] {
            if self.take(open) {
                return self.items(close, depth);
            }
        }
        let number =
            self.rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"+-._".contains(letter));
        let (word, rest) = self.rest.split_at(number.unwrap_or(self.rest.len()));
        let value = match word {
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            "None" | "null" => Value::Null,
            _ => number_of(word).ok_or("a value is no text, number, list or object")?,
        };
        self.rest = rest;
        Ok(value)
    }

    /// The values up to `close`.
    fn items(&mut self, close: &str, depth: usize) -> Read<Value> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value_within(depth)?);
            if !self.take(",") && !self.rest.starts_with(close) {
                return Err("a list has no end");
            }
        }
        Ok(Value::Array(items))
    }

    /// The keys and values up to `close`.
    fn pairs(&mut self, between: &str, close: &str, depth: usize) -> Read<Map<String, Value>> {
        let mut pairs = Map::new();
        while !self.take(close) {
            let key = match self.string()? {
                Some(key) => key,
                None => self.word().ok_or("an argument has no name")?.to_owned(),
            };
            if !self.take(between) {
                return Err("an argument has no value");
            }
            pairs.insert(key, self.value_within(depth)?);
            if !self.take(",") && !self.rest.starts_with(close) {
                return Err("the arguments have no end");
            }
        }
        Ok(pairs)
    }

    /// A name: letters, digits, and what names have between them.
    fn word(&mut self) -> Option<&'a str> {
        self.skip();
        let is_part = |letter: char| letter.is_alphanumeric() || "_-.$/".contains(letter);
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn string(&mut self) -> Read<Option<String>> {
        self.skip();
        if !self.quote.is_empty()
            && let Some(rest) = self.rest.strip_prefix(self.quote)
        {
            let (text, rest) = rest.split_once(self.quote).ok_or("a text has no end")?;
            self.rest = rest;
            return Ok(Some(text.to_owned()));
        }
        let Some(quote) = self.rest.chars().next().filter(|letter| "\"'".contains(*letter)) else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                _ if letter == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Some(text));
                }
                '\\' => escaped(&mut letters, &mut text).ok_or("a text has a broken escape")?,
                _ => text.push(letter),
            }
        }
        Err("a text has no end")
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// What stands behind a backslash.
fn escaped(letters: &mut impl Iterator<Item = (usize, char)>, text: &mut String) -> Option<()> {
    let letter = letters.next()?.1;
    let meant = match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        '0' => '\0',
        '\n' => return Some(()),
        'x' => char::from_u32(digits(letters, 2)?)?,
        'U' => char::from_u32(digits(letters, 8)?)?,
        'u' => {
            let first = digits(letters, 4)?;
            if (0xD800..0xDC00).contains(&first) {
                let pair = letters.next()?.1 == '\\' && letters.next()?.1 == 'u';
                let second = digits(letters, 4).filter(|second| pair && (0xDC00..0xE000).contains(second))?;
                char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))?
            } else {
                char::from_u32(first)?
            }
        }
        '\\' | '\'' | '"' | '/' => letter,
        // Python leaves the backslash where it is.
        other => {
            text.push('\\');
            other
        }
    };
    text.push(meant);
    Some(())
}

fn digits(letters: &mut impl Iterator<Item = (usize, char)>, count: u32) -> Option<u32> {
    (0..count)
        .try_fold(0u32, |number, _| number.checked_mul(16)?.checked_add(letters.next()?.1.to_digit(16)?))
}

/// A number as Python writes it.
fn number_of(word: &str) -> Option<Value> {
    let plain = word.strip_prefix('+').unwrap_or(word).replace('_', "");
    if let Ok(value) = serde_json::from_str::<Value>(&keeping_integers(&plain)) {
        return (!value.is_array()).then_some(value).filter(|value| value.is_number() || value.is_object());
    }
    // Such as `.5` and `1.`, which are no JSON.
    let is_number = plain.bytes().any(|byte| byte.is_ascii_digit());
    plain.parse::<f64>().ok().filter(|_| is_number).and_then(Number::from_f64).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str) -> Read<Value> {
        let mut literals = Literals::new(text, "<q>");
        let value = literals.value()?;
        if literals.is_done() { Ok(value) } else { Err("more follows") }
    }

    #[test]
    fn values_of_python_and_of_json_are_read() {
        for (text, expected) in [
            ("'it\\'s'", json!("it's")),
            (r#""a\n\u00e9\ud83d\ude00\x41\q""#, json!("a\né😀A\\q")),
            ("[1, -2.5, 1e3, +3, 1_000, .5]", json!([1, -2.5, 1e3, 3, 1000, 0.5])),
            ("(True, False, None, true, false, null,)", json!([true, false, null, true, false, null])),
            (r#"{"a": {'b': []}, c: <q>x "y" z<q>}"#, json!({"a": {"b": []}, "c": "x \"y\" z"})),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
        for text in ["", "x", "'a", "[1", "{a}", "{a:1", "nan", "--1", "\"\\ud800\"", "<q>a"] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn integers_keep_their_digits_and_depth_is_bounded() {
        let huge = value("18446744073709551616").unwrap();
        assert_eq!(crate::text::json::written(&huge), "18446744073709551616");
        assert!(value(&format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH))).is_ok());
        assert!(value(&"[".repeat(100_000)).is_err());
    }
}
