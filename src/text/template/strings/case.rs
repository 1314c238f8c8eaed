//! Upper and lower case, and what kind of letters a string has, as Python sees them. Knows strings only.

use crate::error::Result;
use crate::text::template::costs::{Costs, fault};
use crate::text::template::letters::{decimal, is_printable, is_space};
use crate::text::template::values::{Builder, Text};

/// Whether `text` is of this kind: `str.isalnum` and its like, without the `is`.
pub(crate) fn is(text: &str, kind: &str) -> bool {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    match kind {
        "alnum" => all(char::is_alphanumeric),
        "alpha" => all(|letter| letter.is_alphabetic() && !is_number_letter(letter)),
        "ascii" => text.is_ascii(),
        "decimal" => all(|letter| decimal(letter).is_some()),
        "digit" => all(|letter| decimal(letter).is_some() || is_small_digit(letter)),
        "numeric" => all(char::is_numeric),
        "identifier" => {
            text.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
                && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        }
        "printable" => text.chars().all(is_printable),
        "space" => all(is_space),
        "lower" => cased(text, char::is_lowercase, char::is_uppercase),
        "upper" => cased(text, char::is_uppercase, char::is_lowercase),
        _ => is_title(text),
    }
}

/// Roman numbers and their like are numbers to Python, letters to Unicode.
fn is_number_letter(letter: char) -> bool {
    matches!(letter as u32, 0x2160..=0x2188 | 0x3007 | 0x3021..=0x3029 | 0x3038..=0x303a | 0xa6e6..=0xa6ef)
}

fn is_small_digit(letter: char) -> bool {
    matches!(letter as u32, 0xb2 | 0xb3 | 0xb9 | 0x2070 | 0x2074..=0x2079 | 0x2080..=0x2089 | 0x2460..=0x2468)
}

fn cased(text: &str, wanted: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    text.chars().any(wanted) && !text.chars().any(other)
}

fn is_cased(letter: char) -> bool {
    letter.is_lowercase() || letter.is_uppercase()
}

fn is_title(text: &str) -> bool {
    let (mut after, mut any) = (false, false);
    for letter in text.chars() {
        if (letter.is_uppercase() && after) || (letter.is_lowercase() && !after) {
            return false;
        }
        after = is_cased(letter);
        any |= after;
    }
    any
}

/// The letters of a word's beginning: `ß` is `Ss` there.
fn title(letter: char, out: &mut String) {
    let mut upper = letter.to_uppercase();
    out.extend(upper.next());
    upper.for_each(|more| out.extend(more.to_lowercase()));
}

fn lower(letter: char, out: &mut String) {
    out.extend(letter.to_lowercase());
}

/// `text.upper()`, and the others by their names.
pub(crate) fn change(costs: &mut Costs, text: &Text, name: &str) -> Result<Text> {
    let mut after = false;
    let mut first = true;
    let change = move |letter: char, out: &mut String| match name {
        "upper" => out.extend(letter.to_uppercase()),
        "lower" => lower(letter, out),
        "casefold" if letter == 'ı' => out.push(letter),
        "casefold" => letter.to_uppercase().for_each(|upper| lower(upper, out)),
        "swapcase" if letter.is_uppercase() => lower(letter, out),
        "swapcase" if letter.is_lowercase() => out.extend(letter.to_uppercase()),
        "capitalize" if std::mem::take(&mut first) => title(letter, out),
        "capitalize" => lower(letter, out),
        "title" => {
            if after {
                lower(letter, out)
            } else {
                title(letter, out)
            }
            after = is_cased(letter);
        }
        _ => out.push(letter),
    };
    if !matches!(name, "upper" | "lower" | "casefold" | "swapcase" | "capitalize" | "title") {
        return Err(fault(format!("strings have no method '{name}'")));
    }
    if name == "lower" && !text.is_ascii() && text.as_str().contains('Σ') {
        return with_final_sigmas(costs, text);
    }
    letters(costs, text, change)
}

/// A sigma at a word's end has a form of its own.
fn with_final_sigmas(costs: &mut Costs, text: &Text) -> Result<Text> {
    let lowered = text.as_str().to_lowercase();
    let mut rest = lowered.chars();
    letters(costs, text, |letter, out| {
        let count = letter.to_lowercase().count();
        out.extend(rest.by_ref().take(count));
    })
}

/// The string with each letter changed, which keeps where it came from.
pub(crate) fn letters(
    costs: &mut Costs,
    text: &Text,
    mut change: impl FnMut(char, &mut String),
) -> Result<Text> {
    costs.spend(text.len() / 8)?;
    let mut out = Builder::new(costs);
    out.reserve(text.len())?;
    let mut changed = String::new();
    for (part, said) in text.parts(0..text.len()) {
        for letter in part.chars() {
            changed.clear();
            change(letter, &mut changed);
            out.push(costs, &changed, said)?;
        }
    }
    out.finish()
}

/// Jinja's filter `title`: words begin behind white space, hyphens and opening brackets.
pub(crate) fn title_words(costs: &mut Costs, text: &Text) -> Result<Text> {
    let mut begins = true;
    letters(costs, text, |letter, out| {
        let between = is_space(letter) || matches!(letter, '-' | '(' | '{' | '[' | '<');
        match (between, begins) {
            (true, _) => out.push(letter),
            (false, true) => out.extend(letter.to_uppercase()),
            (false, false) => lower(letter, out),
        }
        begins = between;
    })
}
