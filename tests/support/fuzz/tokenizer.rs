//! The judge of fuzzed vocabularies: whatever a file says, a tokenizer whose ids and texts fit each other, or
//! a fitting error.

use wick::error::ErrorKind;
use wick::gguf::{Gguf, Limits, Source};
use wick::text::tokenizer::{Tokenizer, VocabularyData};
use wick::text::{Vocab, decode};

/// Words, numbers, spaces, marks, scripts, control tokens, and what has no token.
const TEXTS: [&str; 4] = [
    "Hello, wonderful world! It's 12345 o'clock.\n\n\t  end",
    "世界 👩‍👩‍👧 e\u{301} ▁▁Ġ\u{0}\u{10FFFF}",
    "<s><|im_start|>user <|im_end|></s><0x41><unk>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaabababababababababbbbb",
];

/// Builds the tokenizer in `bytes` and uses it; whether there was one. Panics where a promise is broken.
pub fn judge(bytes: &[u8]) -> bool {
    let source = Source::Memory(Box::new(bytes.to_vec()));
    let Ok(header) = Gguf::open_header(source, &Limits::default()) else { return false };
    let built = VocabularyData::from_gguf(header.metadata()).and_then(|data| Tokenizer::new(&data));
    match built {
        Ok(tokenizer) => {
            // What characters become, by a table of the file's own, has 64 bytes at most.
            let is_unigram =
                header.metadata().find("tokenizer.ggml.model").is_ok_and(|model| model == Some("t5"));
            exercise(&tokenizer, if is_unigram { 64 } else { 4 });
            true
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::ModelInvalid | ErrorKind::Unsupported), "{error}");
            assert!(error.message().len() > 10, "{error}");
            false
        }
    }
}

/// `growth`: ids for each byte of a text at most.
fn exercise(tokenizer: &Tokenizer, growth: usize) {
    let count = tokenizer.len() as u32;
    assert!(count > 0 && tokenizer.piece(count).is_none());
    let longest = (0..count).map(|id| tokenizer.piece(id).expect("a piece").bytes.len()).max();
    assert!(longest <= Some(tokenizer.longest_token()), "{longest:?}, {}", tokenizer.longest_token());
    assert!(tokenizer.end_ids().iter().chain(&tokenizer.bos()).all(|&id| id < count));
    assert!(tokenizer.end_ids().is_sorted());
    // The vocabulary's own texts, too.
    let own = decode(tokenizer, &(0..count.min(64)).collect::<Vec<_>>(), true).expect("memory");
    for text in TEXTS.into_iter().chain([own.as_str()]) {
        for (add_special, parse_special) in [(false, false), (true, true)] {
            let mut ids = Vec::new();
            match tokenizer.encode(text, add_special, parse_special, &mut ids) {
                Ok(()) => {
                    assert!(ids.iter().all(|&id| id < count), "{ids:?} of {count}");
                    // At most a token for each byte, of what every part of the text gets before it too (a
                    // space of three bytes), BOS and EOS.
                    assert!(
                        ids.len() <= growth * text.len() + 5,
                        "{} ids of {} bytes",
                        ids.len(),
                        text.len()
                    );
                    std::hint::black_box(decode(tokenizer, &ids, add_special).expect("memory").len());
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Tokenizer, "{error}"),
            }
        }
    }
}
