//! What schemas as pydantic, zod and tools write them, and those of the kinds of the JSON Schema test-suite,
//! come to on random logits: with a vocabulary that is made up, and with published ones.
#![cfg(feature = "text")]
#![allow(clippy::print_stdout)]

use crate::grammar_walk::{MOST, Walk, Words, grammar, walk};
use serde_json::Value;
use std::sync::Arc;
use wick::error::ErrorKind;
use wick::gguf::{Gguf, Limits, Source};
use wick::text::Vocab;
use wick::text::grammar::{GrammarKind, Grammars};
use wick::text::tokenizer::{Tokenizer, VocabularyData};

pub const FAMILIES: [(&str, &str); 4] = [
    ("pydantic", include_str!("schemas/pydantic.json")),
    ("zod", include_str!("schemas/zod.json")),
    ("tools", include_str!("schemas/tools.json")),
    ("standard", include_str!("schemas/standard.json")),
];

pub struct Case {
    name: String,
    pub schema: Value,
    refused: Option<(String, String)>,
    never: bool,
    /// Formats say what is meant, and are not asserted.
    annotates: bool,
}

pub fn cases(json: &str) -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(json).expect("a list of schemas");
    let text = |case: &Value, key: &str| case[key].as_str().map(str::to_owned);
    let cases = cases.into_iter().map(|case| Case {
        name: text(&case, "name").expect("a name"),
        refused: text(&case, "refused").zip(text(&case, "at")),
        never: case["unsat"] == true,
        annotates: case["annotates"] == true,
        schema: case["schema"].clone(),
    });
    cases.collect()
}

#[test]
fn every_schema_compiles_or_is_refused_by_keyword_and_place() {
    let (vocab, mut wrong): (Arc<dyn Vocab>, _) = (Words::new(), Vec::new());
    let mut counts = Vec::new();
    for (family, json) in FAMILIES {
        let (grammars, mut compiled, all) = (Grammars::default(), 0, cases(json));
        for case in &all {
            let bound = grammars.bind(&grammar(GrammarKind::JsonSchema, &case.schema.to_string()), &vocab);
            let bound = bound.and_then(|mut bound| bound.mask().map(drop));
            let name = format!("{family}, {}", case.name);
            match (bound, &case.refused) {
                (Ok(()), None) if !case.never => compiled += 1,
                (Err(error), Some((keyword, at))) => {
                    let place = format!("{at}:").trim_start_matches(':').to_owned();
                    let named = error.message().contains(&format!("\"{keyword}\" at {at}"))
                        || keyword.is_empty() && error.message().contains(&place);
                    if error.kind() != ErrorKind::Grammar || !named {
                        wrong.push(format!("{name}: refused otherwise: {error}"));
                    }
                }
                (Err(error), None) if case.never => assert_eq!(error.kind(), ErrorKind::Grammar),
                (Err(error), None) => wrong.push(format!("{name}: {error}")),
                (Ok(()), _) => wrong.push(format!("{name}: should be refused")),
            }
        }
        println!("{family}: {compiled} of {} compile", all.len());
        let least = if family == "standard" { 60 } else { 80 };
        assert!(compiled * 100 >= all.len() * least, "{family}: only {compiled} of {} compile", all.len());
        counts.push((family, compiled, all.len()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let written = counts.iter().filter(|(family, ..)| *family != "standard");
    let (compiled, all) = written.fold((0, 0), |sum, (_, own, of)| (sum.0 + own, sum.1 + of));
    assert!(compiled * 100 >= all * 95, "only {compiled} of {all} that tools write compile");
    assert!(counts.iter().map(|(_, compiled, _)| compiled).sum::<usize>() >= 500, "{counts:?}");
}

/// Walks through all schemas `rounds` times; what failed, and how many of how many ended.
fn walk_all(vocab: &Arc<dyn Vocab>, rounds: u64) -> (Vec<String>, usize, usize) {
    let (mut wrong, mut ended, mut all) = (Vec::new(), 0, 0);
    for (family, json) in FAMILIES {
        let grammars = Grammars::default();
        for case in cases(json).iter().filter(|case| case.refused.is_none() && !case.never) {
            let validator = jsonschema::options()
                .should_validate_formats(!case.annotates)
                .should_ignore_unknown_formats(true)
                .build(&case.schema)
                .unwrap_or_else(|error| panic!("{family}, {}: {error}", case.name));
            let is_nullable = case.schema.to_string().contains("\"nullable\"");
            for seed in 0..rounds {
                let asked = grammar(GrammarKind::JsonSchema, &case.schema.to_string());
                let mut bound = grammars.bind(&asked, vocab).expect("it compiles");
                bound.begin("", None).expect("nothing is in front");
                all += 1;
                let name = format!("{family}, {}, seed {seed}", case.name);
                match walk(&mut bound, &**vocab, seed) {
                    Walk::Finished(text) => {
                        ended += 1;
                        let text = String::from_utf8(text).expect("text");
                        match serde_json::from_str::<Value>(&text) {
                            // OpenAPI's word, which no validator of JSON Schema knows.
                            Ok(value) if value.to_string().contains("null") && is_nullable => {}
                            Ok(value) if validator.is_valid(&value) => {}
                            Ok(value) => {
                                let why = validator.iter_errors(&value).next().map(|why| why.to_string());
                                wrong.push(format!("{name}: {text}: {why:?}"));
                            }
                            Err(why) => wrong.push(format!("{name}: {text}: {why}")),
                        }
                    }
                    // Told, and never let through: what no grammar keeps.
                    Walk::Failed(why) if why.contains("\"uniqueItems\"") => {}
                    Walk::Failed(why) => wrong.push(format!("{name}: {why}")),
                    Walk::Unfinished => println!("{name}: not ended"),
                }
            }
        }
    }
    (wrong, ended, all)
}

#[test]
fn what_is_generated_parses_and_holds_its_schema() {
    let vocab: Arc<dyn Vocab> = Words::new();
    let (wrong, ended, all) = walk_all(&vocab, 3);
    println!("{ended} of {all} ended");
    assert!(wrong.is_empty(), "{} of {all}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ended * 10 >= all * 9, "only {ended} of {all} ended within {MOST} tokens");
}

#[test]
fn published_vocabularies_follow_schemas_too() {
    let Some(folder) = std::env::var_os("WICK_VECTORS").map(std::path::PathBuf::from) else {
        println!("left out: grammars over published vocabularies (WICK_VECTORS is not set)");
        return;
    };
    for name in ["llama-bpe", "llama-spm"] {
        let path = folder.join(format!("tokenizers/ggml-vocab-{name}.gguf"));
        let header = Gguf::open_header(Source::path(&path), &Limits::default()).unwrap();
        let tokenizer = Tokenizer::new(&VocabularyData::from_gguf(header.metadata()).unwrap()).unwrap();
        let vocab: Arc<dyn Vocab> = Arc::new(tokenizer);
        let (wrong, ended, all) = walk_all(&vocab, 1);
        println!("{name}: {ended} of {all} ended");
        assert!(wrong.is_empty(), "{name}: {} of {all}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(ended * 10 >= all * 9, "{name}: only {ended} of {all} ended within {MOST} tokens");
    }
}
