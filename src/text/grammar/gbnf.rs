//! Grammars as llama.cpp writes them (its grammars/README.md), to Lark's. Knows no schema.
//!
//! A grammar whose rules do not lead back to themselves becomes one regular expression, which is exact. In
//! others each rule stays a rule, and what in it does not lead back becomes a terminal. A terminal takes as
//! much as it can, so that of such a grammar some texts are not reached; what is made always follows it.

use super::lark::check_nesting;
use super::limits::error;
use crate::error::{Error, Result};
use llguidance::regex_to_lark;
use std::collections::HashMap;
use std::fmt::Write;

/// Bytes of the Lark grammar at most.
const MOST: usize = 512 << 10;

/// Times that something may be repeated by count.
const REPEATS: usize = 10_000;

/// The right side of a rule.
#[derive(Debug, Clone)]
enum Expression {
    /// A regular expression of one piece.
    Terminal {
        expression: String,
        is_empty: bool,
    },
    Rule(String),
    Sequence(Vec<Expression>),
    Choice(Vec<Expression>),
    Repeat(Box<Expression>, usize, Option<usize>),
}

/// The Lark grammar of the GBNF `text`.
///
/// # Errors
/// `Grammar`, naming the line.
pub(super) fn translate(text: &str) -> Result<String> {
    check_nesting(text)?;
    let rules = Reader { text, at: 0 }.rules()?;
    let names: HashMap<&str, usize> =
        rules.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
    let Some(root) = names.get("root").copied() else {
        return Err(error("the grammar has no rule \"root\""));
    };
    for (name, expression) in &rules {
        for used in expression.used() {
            if !names.contains_key(used) {
                return Err(error(format_args!(
                    "the rule {name:?} names {used:?}, and there is no such rule"
                )));
            }
        }
    }
    Writer::new(&rules, names).grammar(root)
}

/// Reads GBNF.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rules(mut self) -> Result<Vec<(String, Expression)>> {
        let mut rules: Vec<(String, Expression)> = Vec::new();
        self.space(true);
        while self.at < self.text.len() {
            let name = self.name().ok_or_else(|| self.wrong("a rule's name is expected"))?;
            self.space(false);
            if !self.takes("::=") {
                return Err(self.wrong("\"::=\" is expected"));
            }
            self.space(true);
            let expression = self.choice(false)?;
            if rules.iter().any(|(known, _)| *known == name) {
                return Err(self.wrong(&format!("the rule {name:?} is there twice")));
            }
            rules.push((name, expression));
            let rest = &self.text[self.at..];
            if !rest.is_empty() && !rest.starts_with(['\n', '\r']) {
                return Err(self.wrong("the rule's end is expected"));
            }
            self.space(true);
        }
        Ok(rules)
    }

    fn choice(&mut self, is_nested: bool) -> Result<Expression> {
        let mut choices = vec![self.sequence(is_nested)?];
        while self.takes("|") {
            self.space(true);
            choices.push(self.sequence(is_nested)?);
        }
        Ok(if choices.len() == 1 { choices.swap_remove(0) } else { Expression::Choice(choices) })
    }

    fn sequence(&mut self, is_nested: bool) -> Result<Expression> {
        let mut parts = Vec::new();
        loop {
            let part = match self.next() {
                Some('"') => self.literal()?,
                Some('[') => self.class()?,
                Some('.') => {
                    self.at += 1;
                    terminal("(?s:.)")
                }
                Some('(') => {
                    self.at += 1;
                    self.space(true);
                    let inner = self.choice(true)?;
                    if !self.takes(")") {
                        return Err(self.wrong("\")\" is expected"));
                    }
                    inner
                }
                Some('<' | '!') => return Err(self.wrong("tokens in a grammar are not supported")),
                _ => match self.name() {
                    Some(name) => Expression::Rule(name),
                    None => break,
                },
            };
            self.space(is_nested);
            parts.push(self.repeated(part, is_nested)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Sequence(parts) })
    }

    /// `part` as often as what stands behind it says.
    fn repeated(&mut self, part: Expression, is_nested: bool) -> Result<Expression> {
        let (least, most) = match self.next() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let end = self.text[self.at..].find('}').ok_or_else(|| self.wrong("\"}\" is expected"))?;
                let inner = &self.text[self.at + 1..self.at + end];
                let count = |text: &str| text.trim().parse::<usize>().ok().filter(|count| *count <= REPEATS);
                let read = match inner.split_once(',') {
                    None => count(inner).map(|count| (count, Some(count))),
                    Some((least, most)) => {
                        let least = if least.trim().is_empty() { Some(0) } else { count(least) };
                        let most = if most.trim().is_empty() { Some(None) } else { count(most).map(Some) };
                        least.zip(most)
                    }
                };
                let fits = read.filter(|(least, most)| most.is_none_or(|most| most >= *least));
                let counts =
                    fits.ok_or_else(|| self.wrong(&format!("{{{inner}}} is no count up to {REPEATS}")))?;
                self.at += end;
                counts
            }
            _ => return Ok(part),
        };
        self.at += 1;
        self.space(is_nested);
        Ok(Expression::Repeat(Box::new(part), least, most))
    }

    fn literal(&mut self) -> Result<Expression> {
        self.at += 1;
        let mut expression = String::new();
        while !self.takes("\"") {
            let next = self.character()?;
            push_literal(&mut expression, next);
        }
        let is_empty = expression.is_empty();
        // More than one character is one piece.
        Ok(Expression::Terminal { expression: format!("(?:{expression})"), is_empty })
    }

    fn class(&mut self) -> Result<Expression> {
        self.at += 1;
        let mut expression = String::from(if self.takes("^") { "[^" } else { "[" });
        let before = expression.len();
        while !self.takes("]") {
            let first = self.character()?;
            push_escaped(&mut expression, first);
            let rest = &self.text[self.at..];
            if rest.starts_with('-') && !rest.starts_with("-]") {
                self.at += 1;
                let last = self.character()?;
                if last < first {
                    return Err(self.wrong("a range ends before it begins"));
                }
                expression.push('-');
                push_escaped(&mut expression, last);
            }
        }
        if expression.len() == before {
            return Err(self.wrong("a class of characters is empty"));
        }
        expression.push(']');
        Ok(terminal(&expression))
    }

    /// A character of a text or class, escaped or not.
    fn character(&mut self) -> Result<char> {
        let mut rest = self.text[self.at..].chars();
        let next =
            rest.next().filter(|next| *next != '\n').ok_or_else(|| self.wrong("a text does not end"))?;
        self.at += next.len_utf8();
        if next != '\\' {
            return Ok(next);
        }
        let escaped = rest.next().ok_or_else(|| self.wrong("a text does not end"))?;
        self.at += escaped.len_utf8();
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'n' => return Ok('\n'),
            '\\' | '"' | '[' | ']' | '-' | '^' | '/' => return Ok(escaped),
            _ => return Err(self.wrong(&format!("the escape \\{escaped} is not known"))),
        };
        let read = self.text.get(self.at..self.at + digits);
        let code = read.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        self.at += digits;
        code.ok_or_else(|| self.wrong("an escape names no character"))
    }

    fn name(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let is_part = |next: char| next.is_ascii_alphanumeric() || next == '-' || next == '_';
        let end = rest.find(|next| !is_part(next)).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| rest[..end].to_owned())
    }

    fn next(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn takes(&mut self, text: &str) -> bool {
        let takes = self.text[self.at..].starts_with(text);
        if takes {
            self.at += text.len();
        }
        takes
    }

    /// Goes over spaces and remarks, and over line ends if there may be some.
    fn space(&mut self, lines: bool) {
        while let Some(next) = self.next() {
            match next {
                ' ' | '\t' => self.at += 1,
                '\r' | '\n' if lines => self.at += 1,
                '#' => self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at),
                _ => break,
            }
        }
    }

    fn wrong(&self, what: &str) -> Error {
        let line = 1 + self.text.get(..self.at).unwrap_or(self.text).matches('\n').count();
        error(format_args!("line {line} of the grammar: {what}"))
    }
}

fn terminal(expression: &str) -> Expression {
    Expression::Terminal { expression: expression.to_owned(), is_empty: false }
}

fn push_literal(out: &mut String, next: char) {
    push_escaped(out, next);
}

/// `next` as a regular expression has it, in a class too.
fn push_escaped(out: &mut String, next: char) {
    if next.is_alphanumeric() {
        out.push(next);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", next as u32);
    }
}

impl Expression {
    /// The rules that it names.
    fn used(&self) -> Vec<&str> {
        match self {
            Self::Terminal { .. } => Vec::new(),
            Self::Rule(name) => vec![name],
            Self::Sequence(parts) | Self::Choice(parts) => parts.iter().flat_map(Self::used).collect(),
            Self::Repeat(part, ..) => part.used(),
        }
    }
}

/// Writes Lark.
struct Writer<'a> {
    rules: &'a [(String, Expression)],
    names: HashMap<&'a str, usize>,
    /// By rule: it leads back to itself, or to one that does.
    recurs: Vec<bool>,
    /// The terminals, each with its number.
    terminals: HashMap<String, usize>,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(rules: &'a [(String, Expression)], names: HashMap<&'a str, usize>) -> Self {
        let mut recurs = vec![true; rules.len()];
        // A rule whose rules all do not recur does not either: the innermost first.
        loop {
            let settled = (0..rules.len()).find(|index| {
                recurs[*index] && rules[*index].1.used().iter().all(|used| !recurs[names[used]])
            });
            match settled {
                Some(index) => recurs[index] = false,
                None => break,
            }
        }
        Self { rules, names, recurs, terminals: HashMap::new(), out: String::new() }
    }

    fn grammar(mut self, root: usize) -> Result<String> {
        let start = self.lark(&Expression::Rule(self.rules[root].0.clone()))?;
        let _ = writeln!(self.out, "start: {start}");
        for (index, (_, expression)) in self.rules.iter().enumerate() {
            if self.recurs[index] {
                let right = self.lark(expression)?;
                let _ = writeln!(self.out, "r{index}: {right}");
                self.check_size(0)?;
            }
        }
        let mut terminals: Vec<(String, usize)> = self.terminals.drain().collect();
        terminals.sort_by_key(|(_, number)| *number);
        for (expression, number) in terminals {
            // What may be empty is left out instead.
            let _ = writeln!(self.out, "T{number}: /{}/ & /(?s:.)+/", regex_to_lark(&expression, ""));
            self.check_size(0)?;
        }
        Ok(self.out)
    }

    fn check_size(&self, more: usize) -> Result<()> {
        match self.out.len() + more > MOST {
            true => Err(error("the grammar becomes too large: what is repeated by count is written out")),
            false => Ok(()),
        }
    }

    fn is_regular(&self, expression: &Expression) -> bool {
        expression.used().iter().all(|name| !self.recurs[self.names[name]])
    }

    /// `expression` in a rule.
    fn lark(&mut self, expression: &Expression) -> Result<String> {
        if self.is_regular(expression) {
            let mut text = String::new();
            self.regular(expression, &mut text)?;
            if !self.may_be_something(expression) {
                return Ok("\"\"".into());
            }
            let next = self.terminals.len();
            let number = *self.terminals.entry(text).or_insert(next);
            return Ok(if self.may_be_empty(expression) {
                format!("(T{number})?")
            } else {
                format!("T{number}")
            });
        }
        Ok(match expression {
            Expression::Terminal { .. } => String::new(),
            Expression::Rule(name) => format!("r{}", self.names[name.as_str()]),
            Expression::Sequence(parts) => {
                let parts = parts.iter().map(|part| self.lark(part)).collect::<Result<Vec<_>>>()?;
                format!("({})", parts.join(" "))
            }
            Expression::Choice(parts) => {
                let parts = parts.iter().map(|part| self.lark(part)).collect::<Result<Vec<_>>>()?;
                format!("({})", parts.join(" | "))
            }
            Expression::Repeat(part, least, most) => {
                let part = self.lark(part)?;
                let most = most.map_or(String::new(), |most| most.to_string());
                format!("({part}){{{least},{most}}}")
            }
        })
    }

    /// `expression`, which does not recur, as a regular one.
    fn regular(&self, expression: &Expression, out: &mut String) -> Result<()> {
        self.check_size(out.len())?;
        match expression {
            Expression::Terminal { expression, .. } => out.push_str(expression),
            Expression::Rule(name) => self.regular(&self.rules[self.names[name.as_str()]].1, out)?,
            Expression::Sequence(parts) => {
                out.push_str("(?:");
                for part in parts {
                    self.regular(part, out)?;
                }
                out.push(')');
            }
            Expression::Choice(parts) => {
                out.push_str("(?:");
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        out.push('|');
                    }
                    self.regular(part, out)?;
                }
                out.push(')');
            }
            Expression::Repeat(part, least, most) => {
                out.push_str("(?:");
                self.regular(part, out)?;
                let most = most.map_or(String::new(), |most| most.to_string());
                let _ = write!(out, "){{{least},{most}}}");
            }
        }
        Ok(())
    }

    fn may_be_empty(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Terminal { is_empty, .. } => *is_empty,
            Expression::Rule(name) => self.may_be_empty(&self.rules[self.names[name.as_str()]].1),
            Expression::Sequence(parts) => parts.iter().all(|part| self.may_be_empty(part)),
            Expression::Choice(parts) => parts.iter().any(|part| self.may_be_empty(part)),
            Expression::Repeat(part, least, _) => *least == 0 || self.may_be_empty(part),
        }
    }

    fn may_be_something(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Terminal { is_empty, .. } => !is_empty,
            Expression::Rule(name) => self.may_be_something(&self.rules[self.names[name.as_str()]].1),
            Expression::Sequence(parts) | Expression::Choice(parts) => {
                parts.iter().any(|part| self.may_be_something(part))
            }
            Expression::Repeat(part, _, most) => *most != Some(0) && self.may_be_something(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_gbnf_is_refused_with_its_line() {
        let refused = [
            ("", "no rule \"root\""),
            ("root ::= \"a", "line 1 of the grammar: a text does not end"),
            ("root ::= a", "the rule \"root\" names \"a\""),
            ("root ::= \"a\"\nroot ::= \"b\"", "line 2 of the grammar: the rule \"root\" is there twice"),
            ("root ::= ( \"a\"", "\")\" is expected"),
            ("root ::= \"\\q\"", "the escape \\q is not known"),
            ("root ::= []", "a class of characters is empty"),
            ("root ::= [z-a]", "a range ends before it begins"),
            ("root ::= \"a\"{3,2}", "{3,2} is no count"),
            ("root ::= \"a\"{99999}", "{99999} is no count"),
            ("root ::= <think>", "tokens in a grammar are not supported"),
            ("root = \"a\"", "\"::=\" is expected"),
        ];
        for (text, why) in refused {
            let said = translate(text).unwrap_err();
            assert!(said.message().contains(why), "{text:?}: {said}");
        }
        let nested = format!("root ::= {}\"a\"{}", "(".repeat(500), ")".repeat(500));
        assert!(translate(&nested).unwrap_err().message().contains("groups in each other"));
        let doubled: String = (0..64).map(|n| format!("r{n} ::= r{0} r{0}\n", n + 1)).collect();
        let large = translate(&format!("root ::= r0\n{doubled}r64 ::= \"a\"")).unwrap_err();
        assert!(large.message().contains("too large"), "{large}");
    }

    #[test]
    fn a_grammar_that_does_not_recur_is_one_expression() {
        let text = "# remark\nroot ::= (\"a\" | [b-c]+ end)? \"/\"{2} # more\nend ::=\n  \"\" | .\n";
        let lark = translate(text).unwrap();
        assert_eq!(lark.lines().count(), 2, "{lark}");
    }
}
