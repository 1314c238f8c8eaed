//! Folders through the whole runtime: what they say of their tokens and of sampling, what they take, and
//! their faults as a load's END (F12).
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]

use crate::support::scenario::*;
use std::fs;
use std::path::Path;
use wick::runtime::{EndReason, ModelOptions, Reading, Runtime};
use wick::{ErrorKind, Model};

/// The load's END of what is at `path`.
fn load(runtime: &Runtime, path: &Path) -> (Model, wick::End) {
    let (model, mut loading) = runtime.load(ModelOptions::path(path), Reading::default()).expect("a load");
    (model, read(&mut loading).end)
}

fn fault(runtime: &Runtime, path: &Path) -> wick::Error {
    let (_, end) = load(runtime, path);
    assert_eq!(end.reason, EndReason::Error, "{end:?}");
    let error = end.error.expect("an error");
    assert!(error.message().contains(path.to_str().expect("UTF-8")), "{error}");
    error
}

#[test]
fn f12_a_folder_without_what_it_needs_is_refused_and_says_what() {
    both(|mode| {
        let runtime = Runtime::new(options(mode)).expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        assert!(fault(&runtime, folder.path()).message().contains("directory"));
        fs::write(folder.path().join("config.json"), "{}").expect("written");
        let error = fault(&runtime, folder.path());
        if cfg!(feature = "folders") {
            assert_eq!(error.kind(), ErrorKind::ModelInvalid, "{error}");
            assert!(error.message().contains("model_type"), "{error}");
        } else {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.message().contains("feature folders"), "{error}");
        }
        runtime.shutdown(None).expect("a shutdown");
    });
}

#[cfg(feature = "folders")]
mod with_the_feature {
    use super::*;
    use crate::support::tiny::{Tiny, folder};
    use serde_json::json;
    use wick::runtime::{Backend, Input, Mode, Request};
    use wick::sample::SamplerOptions;

    fn written(shards: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        folder::write(&Tiny::new("qwen3"), folder.path(), shards);
        folder
    }

    #[test]
    fn a_folder_is_loaded_and_answers() {
        both(|mode| {
            let runtime = Runtime::new(options(mode)).expect("a runtime");
            let folder = written(2);
            let (model, end) = load(&runtime, folder.path());
            assert_eq!(end.reason, EndReason::Ready, "{end:?}");
            let info = model.info().expect("facts");
            assert_eq!((info.spec.architecture.as_str(), info.weights), ("qwen3", "mapped"));
            // Letters, `<s>` and `</s>`, and rows without a token.
            assert_eq!((info.vocab_len, info.bos, info.adds_bos), (160, Some(96), false));
            assert_eq!(info.end_ids, [97]);
            assert!(info.has_template);
            let said = info.recommended;
            assert_eq!((said.temperature, said.top_k, said.top_p), (Some(0.5), Some(7), Some(0.75)));
            let session = model.session(None).expect("a session");
            let request = Request {
                input: user("Hello"),
                max_tokens: 12,
                ignore_eos: true,
                sampling: SamplerOptions::default(),
                ..Request::default()
            };
            let mut stream = session.generate(request, Reading::default()).expect("a stream");
            let read = read(&mut stream);
            assert_eq!(read.end.reason, EndReason::Length, "{:?}", read.end);
            // "user:Hello;" letter by letter.
            assert_eq!(read.end.stats.prompt_tokens, 11);
            drop(session);
            runtime.shutdown(None).expect("a shutdown");
        });
    }

    #[test]
    fn what_a_folder_takes_is_told_by_its_headers() {
        let _watchdog = watchdog();
        let runtime = Runtime::new(options(Mode::HostStep)).expect("a runtime");
        let folder = written(2);
        let estimate =
            runtime.estimate(ModelOptions::path(folder.path()), 1, None, None).expect("an estimate");
        let files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let bytes = files.map(|name| fs::metadata(folder.path().join(name)).expect("a file").len());
        assert_eq!(estimate.file_bytes, bytes.iter().sum::<u64>());
        let parameters: u64 =
            folder::tensors(&Tiny::new("qwen3")).iter().map(|(.., bytes)| bytes.len() as u64).sum();
        let rest = estimate.weight_bytes.checked_sub(parameters).expect("all weights");
        assert!(rest < 4096, "{rest} bytes of keys");
    }

    #[test]
    fn f12_files_of_words_that_are_missing_or_malformed_are_refused_by_name() {
        let _watchdog = watchdog();
        let runtime = Runtime::new(options(Mode::HostStep)).expect("a runtime");
        let with = |name: &str, text: Option<&str>| {
            let folder = written(1);
            let path = folder.path().join(name);
            match text {
                Some(text) => fs::write(path, text).expect("written"),
                None => fs::remove_file(path).expect("removed"),
            }
            let error = fault(&runtime, folder.path());
            assert!(error.message().contains(name), "{error} lacks {name}");
            error.kind()
        };
        assert_eq!(with("tokenizer.json", None), ErrorKind::Io);
        for text in ["", "{", "[]", "{\"model\": 1}"] {
            assert_eq!(with("tokenizer.json", Some(text)), ErrorKind::ModelInvalid, "{text:?}");
        }
        for name in ["tokenizer_config.json", "generation_config.json"] {
            assert_eq!(with(name, Some("{")), ErrorKind::ModelInvalid, "{name}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(with("tokenizer_config.json", Some(&deep)), ErrorKind::ModelInvalid);
        let ends = json!({"eos_token_id": "last"}).to_string();
        assert_eq!(with("generation_config.json", Some(&ends)), ErrorKind::ModelInvalid);
        // More tokens than rows.
        let folder = tempfile::tempdir().expect("a folder");
        folder::write(&Tiny { vocab: 80, ..Tiny::new("qwen3") }, folder.path(), 1);
        let error = fault(&runtime, folder.path());
        assert!(error.message().contains("which has 80 rows"), "{error}");
    }

    #[test]
    fn a_folder_read_into_memory_gives_the_same_answer() {
        let _watchdog = watchdog();
        let runtime = Runtime::new(options(Mode::HostStep)).expect("a runtime");
        let folder = written(2);
        let answer = |no_mmap: bool| {
            let source = wick::Source::File { path: folder.path().into(), offset: 0, size: 0, no_mmap };
            let options = ModelOptions {
                backend: Backend::Native,
                ..ModelOptions::from_source(wick::ModelSource::Gguf(source))
            };
            let (model, mut loading) = runtime.load(options, Reading::default()).expect("a load");
            assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
            assert_eq!(model.info().expect("facts").weights, if no_mmap { "owned" } else { "mapped" });
            let session = model.session(None).expect("a session");
            let input = Input::Text("abc".into());
            let request = Request { input, max_tokens: 12, ignore_eos: true, ..Request::default() };
            let mut stream = session.generate(request, Reading::default()).expect("a stream");
            read(&mut stream).text
        };
        assert_eq!(answer(false), answer(true));
    }
}
