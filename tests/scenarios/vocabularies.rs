//! Vocabularies that come with encoders, unigram and WordPiece, in a model that answers: its text is what its
//! tokens say behind the prompt, and stop strings are found across them.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::stream::watchdog;
use crate::support::tiny::Tiny;
use wick::gguf::Source;
use wick::gguf::write::{MetaValue, Writer};
use wick::runtime::{
    End, EndReason, Input, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
};
use wick::sample::SamplerOptions;

/// A model whose tokens begin words, U+2581 before them, or go on inside of them.
fn speaking(vocabulary: &'static str) -> Writer<'static> {
    let tiny = Tiny::new("llama");
    let special = ["[UNK]", "[CLS]", "[SEP]"].map(String::from).into_iter();
    let letters = ('a'..='z').flat_map(|letter| [format!("▁{letter}"), letter.to_string()]);
    let words = (0..).flat_map(|number: u32| [format!("▁begin{number}"), format!("ing{number}")]);
    let tokens: Vec<String> = special.chain(letters).chain(words).take(tiny.vocab as usize).collect();
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
    let kinds: Vec<i32> = (0..tokens.len()).map(|id| if id < 3 { 3 } else { 1 }).collect();
    tiny.writer()
        .meta("tokenizer.ggml.model", vocabulary)
        .meta("tokenizer.ggml.tokens", tokens.iter().collect::<MetaValue>())
        .meta("tokenizer.ggml.scores", scores.as_slice())
        .meta("tokenizer.ggml.token_type", kinds.as_slice())
        .meta("tokenizer.ggml.unknown_token_id", 0u32)
        .meta("tokenizer.ggml.cls_token_id", 1u32)
        .meta("tokenizer.ggml.seperator_token_id", 2u32)
        .meta("tokenizer.ggml.eos_token_id", 2u32)
}

/// The answer's text, its end, and what the prompt and all tokens say.
fn said(model: &Model, seed: u64, stop: Vec<String>) -> (String, End, String, String) {
    let session = model.session(None).expect("a session");
    let sampling = SamplerOptions { temperature: 1.0, seed, ..SamplerOptions::default() };
    let input = Input::Text("ab cd".into());
    let request = Request { input, max_tokens: 24, ignore_eos: true, stop, sampling, ..Request::default() };
    let mut stream = session.generate(request, Reading::default()).expect("a stream");
    let (text, end) = stream.collect_text().expect("an answer");
    let tokens = session.tokens().expect("tokens");
    let detokenized = |count: usize| model.detokenize(&tokens[..count], false).expect("text");
    let prompt = detokenized(end.stats.prompt_tokens as usize);
    (text, end, prompt, detokenized(tokens.len()))
}

#[test]
fn answers_of_vocabularies_that_come_with_encoders_are_what_their_tokens_say() {
    let _watchdog = watchdog();
    let options = RuntimeOptions { mode: Mode::HostStep, ..RuntimeOptions::default() };
    let runtime = Runtime::new(options).expect("a runtime");
    for vocabulary in ["t5", "bert"] {
        let source = ModelSource::Gguf(Source::Memory(Box::new(speaking(vocabulary).to_bytes())));
        let options = ModelOptions::from_source(source);
        let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
        assert_eq!(load.collect_text().expect("a load").1.reason, EndReason::Ready);
        for seed in 1..=4 {
            let (text, end, prompt, all) = said(&model, seed, Vec::new());
            assert_eq!(end.reason, EndReason::Length, "{vocabulary}: {end:?}");
            assert!(text.len() > 40 && text.contains(' '), "{vocabulary}: {text:?}");
            assert_eq!(format!("{prompt}{text}"), all, "{vocabulary}");
            // Over the ends of several tokens.
            for at in [0, 7, 20] {
                let stop = &text[at..at + 12];
                let until = text.find(stop).expect("a part of the text");
                let (stopped, end, ..) = said(&model, seed, vec![stop.to_owned()]);
                assert_eq!(
                    (stopped.as_str(), end.reason),
                    (&text[..until], EndReason::StopString),
                    "{stop:?}"
                );
            }
        }
    }
}
