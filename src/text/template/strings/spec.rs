//! How numbers and strings are written with a width, a precision and a sign: what `%` and `str.format` share.
//! Knows no template.

use super::layout::padded;
use crate::error::Result;
use crate::text::template::costs::{Costs, fault};
use crate::text::template::values::{Number, Text, float_text, with_exponent};

/// Digits behind the point, and a field's width, at most.
pub(crate) const MAX_WIDTH: usize = 100_000;
const MAX_PRECISION: usize = 400;

/// How a value is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub(crate) fill: Option<char>,
    /// Whether any of this is from the conversation.
    pub(crate) said: bool,
    /// `<`, `>`, `=`, `^`
    pub(crate) align: Option<char>,
    /// `+`, `-`, ` `
    pub(crate) sign: Option<char>,
    pub(crate) alternate: bool,
    pub(crate) zero: bool,
    pub(crate) width: usize,
    /// `,`, `_`
    pub(crate) grouping: Option<char>,
    pub(crate) precision: Option<usize>,
    pub(crate) kind: Option<char>,
}

impl Spec {
    /// The string as this wants it.
    pub(crate) fn text(&self, costs: &mut Costs, text: &Text) -> Result<Text> {
        let end = match self.precision {
            Some(precision) => text.offset(costs, precision)?,
            None => text.len(),
        };
        let cut = text.part(costs, 0..end)?;
        let missing = self.missing(cut.letters(costs)?)?;
        let before = match self.align {
            Some('>') => missing,
            Some('^') => missing / 2,
            _ => 0,
        };
        padded(costs, &cut, (self.fill.unwrap_or(' '), self.said), before, missing - before)
    }

    fn missing(&self, letters: usize) -> Result<usize> {
        if self.width > MAX_WIDTH {
            return Err(fault(format!(
                "a field of {} letters; at most {MAX_WIDTH} are possible",
                self.width
            )));
        }
        Ok(self.width.saturating_sub(letters))
    }

    /// The number as this wants it, where it is written in digits.
    pub(crate) fn number(&self, costs: &mut Costs, number: Number) -> Result<Text> {
        let (negative, prefix, mut digits) = self.digits(number)?;
        if let Some(separator) = self.grouping {
            let every = if matches!(self.kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 };
            digits = grouped(&digits, separator, every);
        }
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        };
        let missing = self.missing(sign.len() + prefix.len() + digits.len())?;
        let inside = self.align == Some('=') || (self.zero && self.align.is_none());
        let fill = self.fill.unwrap_or(if self.zero { '0' } else { ' ' });
        if inside {
            let fill: String = std::iter::repeat_n(fill, missing).collect();
            return Text::copied(costs, &format!("{sign}{prefix}{fill}{digits}"), self.said);
        }
        let before = match self.align {
            Some('<') => 0,
            Some('^') => missing / 2,
            _ => missing,
        };
        let text = Text::copied(costs, &format!("{sign}{prefix}{digits}"), self.said)?;
        padded(costs, &text, (fill, self.said), before, missing - before)
    }

    /// Whether it is negative, what comes before the digits, the digits.
    fn digits(&self, number: Number) -> Result<(bool, &'static str, String)> {
        let kind = match (self.kind, number) {
            (Some(kind), _) => kind,
            (None, Number::Int(_)) => 'd',
            (None, Number::Float(_)) => ' ',
        };
        if let ('d' | 'n' | 'x' | 'X' | 'o' | 'b', Number::Int(value)) = (kind, number) {
            let size = value.unsigned_abs();
            let (prefix, digits) = match kind {
                'x' => ("0x", format!("{size:x}")),
                'X' => ("0X", format!("{size:X}")),
                'o' => ("0o", format!("{size:o}")),
                'b' => ("0b", format!("{size:b}")),
                _ => ("", size.to_string()),
            };
            // `%.5d` has at least so many digits.
            let digits = format!("{digits:0>width$}", width = self.precision.unwrap_or(0).min(MAX_PRECISION));
            return Ok((value < 0, if self.alternate { prefix } else { "" }, digits));
        }
        let value = number.to_f64();
        let precision = self.precision.unwrap_or(6);
        if precision > MAX_PRECISION {
            return Err(fault(format!("{precision} digits; at most {MAX_PRECISION} are possible")));
        }
        let size = value.abs();
        let digits = if !size.is_finite() {
            if size.is_nan() { "nan".to_owned() } else { "inf".to_owned() }
        } else {
            match kind {
                'f' | 'F' => format!("{size:.precision$}"),
                '%' => format!("{:.precision$}%", size * 100.0),
                'e' | 'E' => exponential(size, precision),
                'g' | 'G' | 'n' => general(size, precision.max(1), self.alternate),
                ' ' => match self.precision {
                    None => float_text(size),
                    Some(precision) => general_with_point(size, precision.max(1)),
                },
                other => return Err(fault(format!("unknown format code '{other}' for a number"))),
            }
        };
        let digits = if matches!(kind, 'E' | 'G' | 'F') { digits.to_uppercase() } else { digits };
        Ok((value.is_sign_negative() && !value.is_nan(), "", digits))
    }
}

fn exponential(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    with_exponent(digits, exponent.parse().unwrap_or(0))
}

fn exponent_of(size: f64, precision: usize) -> i32 {
    let text = format!("{size:.0$e}", precision - 1);
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// C's `%g`.
fn general(size: f64, precision: usize, keep_zeros: bool) -> String {
    let exponent = if size == 0.0 { 0 } else { exponent_of(size, precision) };
    let text = if exponent < -4 || exponent >= precision as i32 {
        exponential(size, precision - 1)
    } else {
        format!("{size:.0$}", (precision as i32 - 1 - exponent).max(0) as usize)
    };
    if keep_zeros { text } else { without_zeros(&text) }
}

/// As `%g`, but always with a digit behind the point: `format(1.0, '.3')`.
fn general_with_point(size: f64, precision: usize) -> String {
    let text = general(size, precision, false);
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// `1.500e+10` as `1.5e+10`.
fn without_zeros(text: &str) -> String {
    let (digits, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    if !digits.contains('.') {
        return text.to_owned();
    }
    format!("{}{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
}

fn grouped(digits: &str, separator: char, every: usize) -> String {
    let whole = digits.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(digits.len());
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, letter) in digits[..whole].chars().enumerate() {
        if at > 0 && (whole - at).is_multiple_of(every) {
            out.push(separator);
        }
        out.push(letter);
    }
    out.push_str(&digits[whole..]);
    out
}
