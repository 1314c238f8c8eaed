//! A host's own Lark grammars and regular expressions, looked over before llguidance reads them: what its
//! parser would recurse into without end, and what would go around the schemas' rewriting. Knows no schema.

use super::limits::{NESTING, error};
use crate::error::Result;
use llguidance::regex_to_lark;

/// Directives of llguidance that are not taken, and what to do instead.
const REFUSED: [(&str, &str); 3] = [
    ("%json", "give the schema as WICK_GRAMMAR_JSON_SCHEMA"),
    ("%lark", "write the grammar's rules themselves"),
    ("%llguidance", "its options are the runtime's"),
];

/// Rules of a grammar at most.
const RULES: usize = 5_000;

/// Refuses what llguidance must not be given.
///
/// # Errors
/// `Grammar`, naming the line.
pub(super) fn check(text: &str) -> Result<()> {
    check_nesting(text)?;
    if text.lines().count() > RULES {
        return Err(error(format_args!("the grammar has over {RULES} lines")));
    }
    for (number, line) in text.lines().enumerate() {
        for (directive, instead) in REFUSED {
            if uses(line, directive) {
                let number = number + 1;
                let why =
                    format!("\"{directive}\" in line {number} of the grammar cannot be honoured: {instead}");
                return Err(error(why));
            }
        }
    }
    Ok(())
}

/// Whether `line` has `directive` outside of texts, expressions and remarks.
fn uses(line: &str, directive: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for (at, next) in line.char_indices() {
        match (quote, next) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '/') if !line[at..].starts_with("//") => quote = Some(next),
            (None, '#') => return false,
            (None, '%') if line[at..].starts_with(directive) => return true,
            _ => {}
        }
    }
    false
}

/// The grammar of texts that match `expression` whole.
///
/// # Errors
/// `Grammar`: it is empty, or nested too deeply.
pub(super) fn of_regex(expression: &str) -> Result<String> {
    check_nesting(expression)?;
    // The whole text has to match anyway.
    let inner = expression.strip_prefix('^').unwrap_or(expression);
    let escapes = inner.bytes().rev().skip(1).take_while(|byte| *byte == b'\\').count();
    let inner = if inner.ends_with('$') && escapes % 2 == 0 { &inner[..inner.len() - 1] } else { inner };
    if inner.is_empty() {
        return Err(error("the regular expression is empty"));
    }
    Ok(format!("start: /{}/", regex_to_lark(inner, "")))
}

/// Refuses groups in each other beyond what llguidance's parser has stack for; what lies in texts counts too.
pub(super) fn check_nesting(text: &str) -> Result<()> {
    let (mut depth, mut escaped) = (0usize, false);
    for next in text.chars() {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            return Err(error(format_args!("the grammar has over {NESTING} groups in each other")));
        }
    }
    Ok(())
}
