//! Small vocabularies of every model against the originals: Hugging Face's library and SentencePiece, on
//! random texts (`scripts/tokenizer-corpus.py`).
#![cfg(feature = "text")]

use serde_json::Value;
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, ValueType};
use wick::text::Vocab;
use wick::text::tokenizer::{Tokenizer, VocabularyData};

/// As a GGUF file has it.
fn meta(value: &Value) -> MetaValue {
    let array = |items: &[Value]| match items.first() {
        Some(Value::String(_)) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        Some(item) if item.is_f64() => {
            let floats = items.iter().map(|item| MetaValue::F32(item.as_f64().unwrap() as f32));
            MetaValue::Array(ValueType::F32, floats.collect())
        }
        _ => {
            let integers = items.iter().map(|item| MetaValue::I32(item.as_i64().unwrap() as i32));
            MetaValue::Array(ValueType::I32, integers.collect())
        }
    };
    match value {
        Value::Bool(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => (number.as_u64().unwrap() as u32).into(),
        Value::Array(items) => array(items),
        other => panic!("{other}"),
    }
}

fn tokenizer(original: &Value) -> Tokenizer {
    let writer = Writer::new().meta("general.architecture", "llama");
    let keys = original["keys"].as_object().unwrap().iter();
    let writer = keys.fold(writer, |writer, (key, value)| writer.meta(key, meta(value)));
    let source = Source::Memory(Box::new(writer.to_bytes()));
    let header = Gguf::open_header(source, &Limits::default()).unwrap();
    Tokenizer::new(&VocabularyData::from_gguf(header.metadata()).unwrap()).unwrap()
}

fn encode(tokenizer: &Tokenizer, text: &str, parse_special: bool) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, false, parse_special, &mut ids).unwrap();
    ids
}

/// Vocabularies, `{name, keys, cases: [[text, ids]]}`: what is committed, or a larger file of the same kind.
#[allow(clippy::disallowed_methods)]
fn originals() -> Vec<Value> {
    let larger = std::env::var_os("WICK_TOKENIZER_CORPUS").map(|path| std::fs::read_to_string(path).unwrap());
    serde_json::from_str(larger.as_deref().unwrap_or(include_str!("tokenizers.json"))).unwrap()
}

#[test]
#[allow(clippy::print_stdout)]
fn random_texts_become_the_ids_of_the_originals() {
    for original in originals() {
        let (name, tokenizer) = (original["name"].as_str().unwrap(), tokenizer(&original));
        // SentencePiece has no control tokens in texts.
        let parses = !name.starts_with("t5");
        let (cases, mut wrong) = (original["cases"].as_array().unwrap(), 0);
        for case in cases {
            let (text, right) = (case[0].as_str().unwrap(), case[1].as_array().unwrap());
            let right: Vec<u32> = right.iter().map(|id| id.as_u64().unwrap() as u32).collect();
            let found = encode(&tokenizer, text, parses);
            if found != right {
                wrong += 1;
                if wrong <= 10 {
                    println!("{name}: {text:?}: {found:?}, right {right:?}");
                }
            }
        }
        println!("{name}: {} texts, {wrong} otherwise", cases.len());
        assert!(cases.len() >= 100 && wrong == 0, "{name}: {wrong} of {}", cases.len());
    }
}
