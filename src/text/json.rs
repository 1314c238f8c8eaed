//! JSON whose integers keep all their digits. Knows no field.
//!
//! `serde_json` reads an integer beyond 64 bits as the nearest float, unless its feature
//! `arbitrary_precision` is on, which changes what it does for every crate of a program. So such an integer
//! is an object with one private key here, as that feature itself has it, from the host's text to the
//! template that shows it.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The key whose value is the integer's digits.
const INTEGER: &str = "$wick::integer";

/// `text` with integers beyond 64 bits as objects that [`digits`] knows, and `-0` as the integer 0 that it is
/// to Python. What is no JSON stays none.
pub fn keeping_integers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let (mut out, mut done) = (String::new(), 0);
    let (mut at, mut in_string) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'-' | b'0'..=b'9' if !in_string => {
                let rest = &bytes[at..];
                let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                let number = &text[at..at + length];
                if number == "-0" || is_beyond(number) {
                    out.push_str(&text[done..at]);
                    match number {
                        "-0" => out.push('0'),
                        number => out.push_str(&format!("{{\"{INTEGER}\":\"{number}\"}}")),
                    }
                    done = at + length;
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Whether `number` is an integer that 64 bits cannot hold.
fn is_beyond(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    digits.len() >= 19
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && number.parse::<i64>().is_err()
        && number.parse::<u64>().is_err()
}

/// The digits of the integer that an object stands for, if it does.
pub fn digits(object: &Map<String, Value>) -> Option<&str> {
    let digits = object.get(INTEGER).filter(|_| object.len() == 1)?.as_str()?;
    is_beyond(digits).then_some(digits)
}

/// `value` as JSON text, with such objects as the integers that they stand for.
pub fn written(value: &Value) -> String {
    let text = value.to_string();
    // Inside strings the quotes would have backslashes.
    let begin = format!("{{\"{INTEGER}\":\"");
    let mut parts = text.split(begin.as_str());
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("\"}").filter(|(digits, _)| is_beyond(digits)) {
            Some((digits, rest)) => out.extend([digits, rest]),
            None => out.extend([begin.as_str(), part]),
        }
    }
    out
}

/// How many arrays and objects lie in each other in `text`, if it is JSON; else, up to where it is not, no
/// fewer.
pub fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_64_bits_keep_their_digits_and_nothing_else_changes() {
        for text in [
            "[1, -2, 9223372036854775807, 18446744073709551615, -9223372036854775808]",
            r#"{"a": "18446744073709551616", "\"-0": "-0"}"#,
            "[1.5e300, -0.0, 1e5, 12345678901234567890.0, 123456789012345678901e3]",
            "[00000000000000000000001, --1]",
        ] {
            assert_eq!(keeping_integers(text), text);
        }
        let text = keeping_integers(r#"["\\", 18446744073709551616, {"a": -9223372036854775809}, -0]"#);
        let value: Value = serde_json::from_str(&text).unwrap();
        let kept = |value: &Value| digits(value.as_object().unwrap()).map(str::to_owned);
        assert_eq!(kept(&value[1]).as_deref(), Some("18446744073709551616"));
        assert_eq!(kept(&value[2]["a"]).as_deref(), Some("-9223372036854775809"));
        assert_eq!(value[3], 0);
        assert_eq!(value[3].as_f64().map(f64::is_sign_negative), Some(false));
    }

    #[test]
    fn integers_are_written_as_they_were_read() {
        for text in [
            r#"[1,18446744073709551616,{"a":[-9223372036854775809,"x"]}]"#,
            r#"["{\"$wick::integer\":\"18446744073709551616\"}"]"#,
            "{}",
        ] {
            let value: Value = serde_json::from_str(&keeping_integers(text)).unwrap();
            assert_eq!(written(&value), text);
        }
    }
}
