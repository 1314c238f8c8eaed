//! A template's source as tokens, by the rules of Jinja's lexer with `trim_blocks` and `lstrip_blocks`. Knows
//! no syntax.

use super::literal::unescape;
use crate::error::Result;
use crate::text::template::costs::fault;
use crate::text::template::letters::is_space;

const MAX_BYTES: usize = 256 << 10;
const MAX_TOKENS_IN_A_TAG: usize = 4096;

/// What a piece of source is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text between tags.
    Data(String),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name(String),
    Text(String),
    /// Digits, perhaps with `0x`, `0o` or `0b` before them.
    Integer(String),
    Float(f64),
    Operator(&'static str),
    End,
}

/// Longer ones first.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";",
];

/// The tokens of `source` with their lines, which count from 1.
///
/// # Errors
/// `Template` for what is no token, a tag without end, and a source over the limits.
pub(super) fn tokens(source: &str) -> Result<Vec<(Token, u32)>> {
    if source.len() > MAX_BYTES {
        return Err(fault(format!(
            "its source has {} bytes; at most {MAX_BYTES} are possible",
            source.len()
        )));
    }
    let source = unix_lines(source);
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut lexer = Lexer { rest: source, line: 1, line_starting: true, tokens: Vec::new() };
    lexer.run().map_err(|error| error.within(format_args!("line {}", lexer.line)))?;
    lexer.put(Token::End);
    Ok(lexer.tokens)
}

/// Jinja knows only `\n`: `\r\n` and a lone `\r` become it.
fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

struct Lexer<'s> {
    rest: &'s str,
    line: u32,
    /// Whether what was read last ended with a line's end.
    line_starting: bool,
    tokens: Vec<(Token, u32)>,
}

impl<'s> Lexer<'s> {
    fn put(&mut self, token: Token) {
        self.tokens.push((token, self.line));
    }

    /// Goes over `bytes` of source.
    fn take(&mut self, bytes: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.line += taken.matches('\n').count() as u32;
        if let Some(last) = taken.chars().next_back() {
            self.line_starting = last == '\n';
        }
        taken
    }

    fn spaces(&self) -> usize {
        self.rest.len() - self.rest.trim_start_matches(is_space).len()
    }

    fn run(&mut self) -> Result<()> {
        while !self.rest.is_empty() {
            let Some(at) = self.tag_start() else {
                let data = self.take(self.rest.len());
                self.put(Token::Data(data.to_owned()));
                break;
            };
            let (text, after) = self.rest.split_at(at);
            let kind = after.as_bytes()[1];
            let sign = after[2..].chars().next();
            let kept = match sign {
                Some('-') => text.trim_end_matches(is_space),
                Some('+') => text,
                _ if kind == b'{' => text,
                _ => self.without_indentation(text),
            };
            if !kept.is_empty() {
                self.put(Token::Data(kept.to_owned()));
            }
            self.take(at + 2 + usize::from(matches!(sign, Some('-' | '+'))));
            match kind {
                b'#' => self.comment()?,
                b'{' => self.tag(Token::VariableBegin, Token::VariableEnd)?,
                _ if self.raw_begins() => self.raw()?,
                _ => self.tag(Token::BlockBegin, Token::BlockEnd)?,
            }
        }
        Ok(())
    }

    fn tag_start(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        bytes.windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
    }

    /// `lstrip_blocks`: white space between a line's begin and a tag is nothing.
    fn without_indentation<'t>(&self, text: &'t str) -> &'t str {
        let line = text.rfind('\n').map_or(0, |at| at + 1);
        let blank = text[line..].chars().all(is_space);
        if (line > 0 || self.line_starting) && blank { &text[..line] } else { text }
    }

    /// Goes over a tag's end `close` if it is here: with its sign, and what it takes away behind it.
    fn close(&mut self, close: &str, trim: bool) -> bool {
        let (sign, rest) = match self.rest.as_bytes().first() {
            Some(b'-') => (Some(b'-'), &self.rest[1..]),
            Some(b'+') if trim => (Some(b'+'), &self.rest[1..]),
            _ => (None, self.rest),
        };
        if !rest.starts_with(close) {
            return false;
        }
        self.take(close.len() + usize::from(sign.is_some()));
        let more = match sign {
            Some(b'-') => self.spaces(),
            None if trim && self.rest.starts_with('\n') => 1,
            _ => 0,
        };
        self.take(more);
        true
    }

    fn comment(&mut self) -> Result<()> {
        let Some(at) = self.rest.find("#}") else { return Err(fault("a comment has no end ('#}')")) };
        let signed = at > 0 && matches!(self.rest.as_bytes()[at - 1], b'-' | b'+');
        self.take(at - usize::from(signed));
        self.close("#}", true);
        Ok(())
    }

    /// Whether what follows is `raw %}`; it is gone over if so.
    fn raw_begins(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches(is_space);
        let Some(after) = trimmed.strip_prefix("raw") else { return false };
        let after = after.trim_start_matches(is_space);
        let strips = after.starts_with("-%}");
        if !strips && !after.starts_with("%}") {
            return false;
        }
        let end = self.rest.len() - after.len() + if strips { 3 } else { 2 };
        self.take(end);
        if strips {
            self.take(self.spaces());
        }
        true
    }

    fn raw(&mut self) -> Result<()> {
        let mut from = 0;
        loop {
            let Some(at) = self.rest[from..].find("{%").map(|at| at + from) else {
                return Err(fault("a raw block has no end ('{% endraw %}')"));
            };
            from = at + 2;
            let inside = &self.rest[from..];
            let sign = inside.chars().next().filter(|sign| matches!(sign, '-' | '+'));
            let inside = inside[sign.map_or(0, |_| 1)..].trim_start_matches(is_space);
            let Some(inside) = inside.strip_prefix("endraw") else { continue };
            let inside = inside.trim_start_matches(is_space);
            if !["%}", "-%}", "+%}"].iter().any(|end| inside.starts_with(end)) {
                continue;
            }
            let text = &self.rest[..at];
            let text = match sign {
                Some('-') => text.trim_end_matches(is_space),
                Some(_) => text,
                None => self.without_indentation(text),
            };
            self.put(Token::Data(text.to_owned()));
            self.take(self.rest.len() - inside.len());
            self.close("%}", true);
            return Ok(());
        }
    }

    fn tag(&mut self, begin: Token, end: Token) -> Result<()> {
        let (close, trim) = if end == Token::BlockEnd { ("%}", true) } else { ("}}", false) };
        self.put(begin);
        let first = self.tokens.len();
        let mut open = Vec::new();
        loop {
            if open.is_empty() && self.close(close, trim) {
                self.put(end);
                return Ok(());
            }
            let spaces = self.spaces();
            if spaces > 0 {
                self.take(spaces);
                continue;
            }
            if self.rest.is_empty() {
                return Err(fault(format!("a tag has no end ('{close}')")));
            }
            let token = self.token()?;
            if let Token::Operator(operator) = token {
                balance(&mut open, operator)?;
            }
            self.put(token);
            if self.tokens.len() - first > MAX_TOKENS_IN_A_TAG {
                return Err(fault(format!("a tag has more than {MAX_TOKENS_IN_A_TAG} tokens")));
            }
        }
    }

    fn token(&mut self) -> Result<Token> {
        let first = self.rest.chars().next().unwrap_or(' ');
        if first.is_ascii_digit() {
            return self.number();
        }
        if first.is_alphanumeric() || first == '_' {
            let end = self.rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let name = self.take(end.unwrap_or(self.rest.len()));
            return Ok(Token::Name(name.to_owned()));
        }
        if matches!(first, '\'' | '"') {
            return self.string(first);
        }
        match OPERATORS.iter().find(|operator| self.rest.starts_with(**operator)) {
            Some(operator) => {
                self.take(operator.len());
                Ok(Token::Operator(operator))
            }
            None => Err(fault(format!("unexpected letter {first:?} in a tag"))),
        }
    }

    fn string(&mut self, quote: char) -> Result<Token> {
        let mut escaped = false;
        for (at, letter) in self.rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == quote {
                let literal = self.take(at + 1);
                return unescape(&literal[1..at]).map(Token::Text);
            }
        }
        Err(fault("a string has no end"))
    }

    fn number(&mut self) -> Result<Token> {
        let prefixed =
            ["0x", "0X", "0o", "0O", "0b", "0B"].iter().any(|prefix| self.rest.starts_with(prefix));
        if prefixed && let Some(length) = self.prefixed_length() {
            let text = self.take(length);
            return Ok(Token::Integer(text.replace('_', "")));
        }
        let whole = digits(self.rest);
        let mut length = whole;
        if self.rest[length..].starts_with('.') {
            let fraction = digits(&self.rest[length + 1..]);
            // `a.0.1` are two subscripts.
            let subscript = matches!(self.tokens.last(), Some((Token::Operator("."), _)));
            if fraction > 0 && !subscript {
                length += 1 + fraction;
            }
        }
        if self.rest[length..].starts_with(['e', 'E']) {
            let sign = usize::from(self.rest[length + 1..].starts_with(['+', '-']));
            let exponent = digits(&self.rest[length + 1 + sign..]);
            if exponent > 0 {
                length += 1 + sign + exponent;
            }
        }
        if length > whole {
            let text = self.take(length).replace('_', "");
            return text.parse().map(Token::Float).map_err(|_| fault(format!("{text:.40?} is no number")));
        }
        // A zero is a number of its own where more digits follow.
        let zeros = self.rest.len() - self.rest.trim_start_matches('0').len();
        let text = self.take(if zeros > 0 { zeros } else { whole });
        Ok(Token::Integer(text.replace('_', "")))
    }

    fn prefixed_length(&self) -> Option<usize> {
        let radix = match self.rest.as_bytes()[1] | 32 {
            b'x' => 16,
            b'o' => 8,
            _ => 2,
        };
        let digits = self.rest[2..].find(|letter: char| !letter.is_digit(radix) && letter != '_');
        let length = 2 + digits.unwrap_or(self.rest.len() - 2);
        (length > 2 && !self.rest[..length].ends_with('_')).then_some(length)
    }
}

/// How many bytes of `text` are digits with single underscores between them.
fn digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let between = *byte == b'_' && length > 0 && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !byte.is_ascii_digit() && !between {
            break;
        }
        length += 1;
    }
    length
}

fn balance(open: &mut Vec<&'static str>, operator: &'static str) -> Result<()> {
    match operator {
        "(" => open.push(")"),
        "[" => open.push("]"),
        "{" => open.push("}"),
        ")" | "]" | "}" => match open.pop() {
            Some(expected) if expected == operator => {}
            Some(expected) => return Err(fault(format!("unexpected '{operator}', expected '{expected}'"))),
            None => return Err(fault(format!("unexpected '{operator}'"))),
        },
        _ => {}
    }
    Ok(())
}
