//! Texts to be made vectors of, and the vectors as OpenAI's clients read them: as lists, or, as its own
//! clients ask for them, as base64 of 32-bit floats, little-endian.

use super::ask::{check_model, deadline};
use crate::failure::Failure;
use crate::fields::{Fields, wrong};
use crate::model::Served;
use crate::options::Limits;
use serde_json::{Value, json};
use wick::{EmbedRequest, End};

type Result<T> = std::result::Result<T, Failure>;

/// Texts of a request at most, as OpenAI has it.
const TEXTS: usize = 2048;

/// The alphabet of RFC 4648, section 4.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What is asked for.
#[derive(Debug)]
pub struct Embedded {
    pub request: EmbedRequest,
    /// Vectors come as base64.
    pub base64: bool,
    /// Elements that each has to have; `None`: as many as it has.
    pub dimensions: Option<usize>,
}

/// A request for vectors.
///
/// # Errors
/// 400 that names the field; 404 for another model.
pub fn embed(mut fields: Fields, served: &Served, limits: &Limits) -> Result<Embedded> {
    check_model(&mut fields, served)?;
    let request = EmbedRequest {
        texts: texts(&mut fields)?,
        priority: fields.whole("priority", i32::MIN.into()..=i32::MAX.into())?.unwrap_or(0) as i32,
        deadline: deadline(&mut fields, limits)?,
        buffer_events: 0,
        query: None,
    };
    let base64 = match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => return Err(wrong("encoding_format", &Value::from(other), "\"float\" or \"base64\"")),
    };
    let dimensions = fields.whole("dimensions", 1..=i64::from(u32::MAX))?;
    fields.ignore(&["user"]);
    fields.finish()?;
    Ok(Embedded { request, base64, dimensions: dimensions.map(|count| count as usize) })
}

fn texts(fields: &mut Fields) -> Result<Vec<String>> {
    let wanted = format!("a text, or a list of 1 to {TEXTS} texts");
    match fields.take("input") {
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) if (1..=TEXTS).contains(&list.len()) => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let texts: Option<Vec<String>> = list.iter().map(text).collect();
            texts.ok_or_else(|| wrong("input", &Value::Array(list), &wanted))
        }
        Some(other) => Err(wrong("input", &other, &wanted)),
        None => Err(Failure::field("input", format!("input is missing; it has to be {wanted}"))),
    }
}

/// Vectors as they come.
pub struct Vectors {
    base64: bool,
    dimensions: Option<usize>,
    data: Vec<Value>,
}

impl Vectors {
    /// Of what was asked so.
    pub fn new(asked: &Embedded) -> Self {
        Self { base64: asked.base64, dimensions: asked.dimensions, data: Vec::new() }
    }

    /// One more.
    pub fn push(&mut self, index: usize, values: &[f32]) {
        let shown = if self.base64 { Value::from(base64(values)) } else { Value::from(values) };
        self.data.push(json!({"object": "embedding", "index": index, "embedding": shown}));
        // Looked at when all are there: all are of one length.
        if self.dimensions == Some(values.len()) {
            self.dimensions = None;
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// 400 if they are not as long as was asked.
    pub fn end(self, end: &End, served: &Served) -> Result<Value> {
        if let Some(dimensions) = self.dimensions {
            let why = format!(
                "dimensions is {dimensions}, which is not how long this model's vectors are; leave it out"
            );
            return Err(Failure::field("dimensions", why).with_code("unsupported"));
        }
        let tokens = end.stats.prompt_tokens;
        Ok(json!({
            "object": "list",
            "data": self.data,
            "model": *served.name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }))
    }
}

/// The bytes of `values`, little-endian, in base64.
fn base64(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let six = (bits >> (18 - 6 * digit)) & 63;
            let there = digit <= three.len();
            text.push(if there { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of four bytes is that of RFC 4648, section 10: "foob".
    #[test]
    fn base64_is_rfc_4648s() {
        assert_eq!(base64(&[f32::from_le_bytes(*b"foob")]), "Zm9vYg==");
        assert_eq!(base64(&[f32::from_le_bytes(*b"foob"), f32::from_le_bytes(*b"arfo")]), "Zm9vYmFyZm8=");
        assert_eq!(base64(&[0.0; 3]), "A".repeat(16));
        assert_eq!(base64(&[]), "");
    }

    #[test]
    fn only_texts_are_made_vectors_of() {
        let read = |value: Value| {
            texts(&mut Fields::parse(json!({"input": value}).to_string().as_bytes()).expect("JSON"))
        };
        assert_eq!(read(json!("a")).expect("one"), ["a"]);
        assert_eq!(read(json!(["a", "b"])).expect("two"), ["a", "b"]);
        for bad in [json!([]), json!([1, 2]), json!(null), json!({}), json!(vec!["a"; TEXTS + 1])] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
