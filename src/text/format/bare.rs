//! Calls that no marker begins: whether a text is the beginning of one. Knows no stream.

use super::form::Body;
use super::tools::Tools;

/// What a text may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A call, if it goes on like one.
    Maybe,
    /// A call of one of the tools.
    Call,
    /// Something else.
    Other,
}

/// Whether `text` begins a call of one of `tools`: with its name, before anything else.
pub(super) fn beginning(form: &Body, text: &str, tools: Tools<'_>) -> Beginning {
    match form {
        Body::Json(keys) => {
            let key = format!("\"{}\"", keys.name);
            let list = if text.trim_start().starts_with('[') { "[" } else { "" };
            of(text, &[list, "{", &key, ":", "\""], "\"", tools)
        }
        Body::Python => of(text, &["["], "(", tools),
        _ => Beginning::Other,
    }
}

/// Whether `text` is made of `parts`, with white space between them, then a tool's name and `behind`.
fn of(text: &str, parts: &[&str], behind: &str, tools: Tools<'_>) -> Beginning {
    let mut rest = text;
    for part in parts {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Beginning::Maybe;
        }
        match rest.strip_prefix(part) {
            Some(next) => rest = next,
            None if part.starts_with(rest) => return Beginning::Maybe,
            None => return Beginning::Other,
        }
    }
    if behind == "(" {
        rest = rest.trim_start();
    }
    let mut maybe = false;
    for name in tools.names() {
        match rest.strip_prefix(name).map(|rest| rest.starts_with(behind) || behind.starts_with(rest)) {
            Some(true) if rest.len() > name.len() => return Beginning::Call,
            Some(true) => maybe = true,
            Some(false) => {}
            None => maybe |= name.starts_with(rest),
        }
    }
    if maybe { Beginning::Maybe } else { Beginning::Other }
}

/// Follows brackets to where what they enclose is closed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brackets {
    depth: u32,
    quote: Option<char>,
    escaped: bool,
}

impl Brackets {
    /// Takes the next letter; true: all that was opened is closed with it. `apostrophes`: they enclose texts
    /// too; `from`: before the first of these nothing opens.
    pub(super) fn push(&mut self, letter: char, apostrophes: bool, from: &str) -> bool {
        match (self.quote, letter) {
            _ if self.escaped => self.escaped = false,
            (Some(_), '\\') => self.escaped = true,
            (Some(quote), _) if quote == letter => self.quote = None,
            (Some(_), _) => {}
            (None, '"') if self.depth > 0 => self.quote = Some(letter),
            (None, '\'') if self.depth > 0 && apostrophes => self.quote = Some(letter),
            (None, '{' | '[' | '(') if self.depth > 0 || from.contains(letter) => {
                self.depth = self.depth.saturating_add(1);
            }
            (None, '}' | ']' | ')') if self.depth > 0 => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Keys;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_is_known_by_its_name_at_every_length() {
        let given = json!([{"name": "get"}, {"name": "get_all"}]);
        let tools = Tools::new(Some(&given));
        let form = Body::Json(Keys { name: "name".into(), arguments: "parameters".into(), list: false });
        for (form, text) in
            [(&form, "\n{ \"name\": \"get_all\""), (&form, "[{\"name\":\"get\""), (&Body::Python, "[ get(")]
        {
            for end in 0..text.len() {
                assert_eq!(beginning(form, &text[..end], tools), Beginning::Maybe, "{}", &text[..end]);
            }
            assert_eq!(beginning(form, text, tools), Beginning::Call, "{text}");
        }
        for text in ["x", "{\"a", "{\"name\": \"gex", "{\"name\": \"get_alle", "{\"name\": 7"] {
            assert_eq!(beginning(&form, text, tools), Beginning::Other, "{text}");
        }
        assert_eq!(beginning(&Body::Python, "[1", tools), Beginning::Other);
    }

    #[test]
    fn brackets_are_closed_outside_of_texts() {
        let end = |text: &str, apostrophes, from| {
            let mut brackets = Brackets::default();
            text.char_indices()
                .find(|(_, letter)| brackets.push(*letter, apostrophes, from))
                .map(|(at, _)| at)
        };
        assert_eq!(end(r#"{"a": "}\"}", "b": [1]} x"#, false, "{["), Some(22));
        assert_eq!(end("[f(a=')]', b=1)] x", true, "[("), Some(15));
        assert_eq!(end("f[CALL_ID]a[ARGS]{} x", false, "{"), Some(18));
        assert_eq!(end("}]) {", false, "{"), None);
    }
}
