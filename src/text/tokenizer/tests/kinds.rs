//! What tokens of which kind, text and pre-tokenizer become of plain text, and which end a generation.

use super::*;

/// The ends among tokens of these texts and kinds, by their places, where the file names `eos`.
fn ends(more: &[(&str, TokenKind)], eos: Option<usize>) -> (Vec<usize>, Tokenizer) {
    let letters = letters();
    let mut data = bpe(more, &[], &letters);
    data.eos = eos.map(|at| (letters.len() + at) as u32);
    let tokenizer = Tokenizer::new(&data).unwrap();
    (tokenizer.end_ids().iter().map(|id| *id as usize - letters.len()).collect(), tokenizer)
}

#[test]
fn s32_ends_are_found_by_id_and_by_text_and_missing_ones_are_ignored() {
    let letters = letters();
    let more = [("<|im_end|>", TokenKind::Normal), ("<|endoftext|>", TokenKind::Control)];
    let mut data = bpe(&more, &[], &letters);
    (data.eos, data.eot) = (Some(0), Some(5000));
    let tokenizer = Tokenizer::new(&data).unwrap();
    let first = letters.len() as u32;
    assert_eq!(tokenizer.end_ids(), [0, first, first + 1]);
    assert!(tokenizer.piece(first).unwrap().special, "old files of Phi-3 have such texts as normal tokens");
    assert_eq!(ids(&tokenizer, "!", false, false), [0], "a token of text that the file names stays text");
}

#[test]
fn s32_a_text_that_ends_elsewhere_counts_only_where_the_file_says_that_it_is_structure() {
    use TokenKind::{Control, Normal, Unknown, Unused, UserDefined};
    for text in ["</s>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<eos>", "<end_of_turn>", "[PAD]", "<reponame>"]
    {
        for kind in [Normal, UserDefined, Unused] {
            let more = [(text, kind), ("<end>", Control)];
            let (found, tokenizer) = ends(&more, Some(1));
            assert_eq!(found, [1], "{text} {kind:?}");
            let id = tokenizer.len() as u32 - 2;
            assert!(!tokenizer.piece(id).unwrap().special);
            let one = ids(&tokenizer, text, false, true) == [id];
            assert_eq!(one, kind == UserDefined, "{text} {kind:?}");
            assert_eq!(ends(&more, Some(0)).0, [0], "named by its id");
            assert!(ends(&more, Some(0)).1.piece(id).unwrap().special);
        }
        for kind in [Control, Unknown] {
            assert_eq!(ends(&[(text, kind)], None).0, [0], "{text} {kind:?}");
        }
    }
}

#[test]
fn s32_what_stands_between_files_ends_a_generation_and_is_told_from_what_does_not() {
    use TokenKind::{Control, UserDefined};
    // SmolLM2's first five: llama.cpp has 0, 2 and 4.
    let more = [
        ("<|endoftext|>", Control),
        ("<|im_start|>", Control),
        ("<|im_end|>", Control),
        ("<repo_name>", Control),
        ("<reponame>", Control),
    ];
    assert_eq!(ends(&more, Some(2)).0, [0, 2, 4]);
    let gemma_4 =
        [("<eos>", Control), ("</s>", UserDefined), ("<turn|>", Control), ("<|tool_response>", UserDefined)];
    assert_eq!(ends(&gemma_4, Some(0)).0, [0, 2, 3]);
    let own = [("<my end>", UserDefined), ("<other>", UserDefined)];
    let (found, tokenizer) = ends(&own, Some(0));
    assert_eq!(found, [0]);
    assert_eq!(ids(&tokenizer, "<my end>", false, false).len(), 8, "no end comes out of text");
    assert_eq!(ids(&tokenizer, "<other>", false, false).len(), 1);
    let letters = letters();
    let more = [("<a>", Control), ("<b>", Control), ("<c>", Control)];
    let mut data = bpe(&more, &[], &letters);
    let first = letters.len() as u32;
    data.fim = [Some(first), None, Some(first + 2)];
    assert_eq!(Tokenizer::new(&data).unwrap().end_ids(), [first, first + 2]);
}

/// Text is written in GPT-2's alphabet, so a token of other letters is none that it becomes, whatever it
/// would stand for.
#[test]
fn literal_tokens_hide_no_byte_level_ones() {
    use TokenKind::{Normal, Unused};
    let letters: Vec<String> =
        letters().into_iter().chain(["â", "Ħ", "¢", "ä", "¸", "ĸ"].map(String::from)).collect();
    for kind in [Normal, Unused] {
        // ™ literally, then as its bytes; 世 only literally.
        let more = [("™", kind), ("âĦ", Normal), ("âĦ¢", Normal), ("世", kind), ("a b", kind)];
        let first = letters.len() as u32;
        for pre in ["command-r", "gpt-2", "llama-bpe", "tekken"] {
            let mut data = bpe(&more, &["â Ħ", "âĦ ¢"], &letters);
            data.pre = pre;
            let tokenizer = Tokenizer::new(&data).unwrap();
            assert_eq!(ids(&tokenizer, "™", false, false), [first + 2], "{pre}");
            assert_eq!(ids(&tokenizer, "世", false, false), [first - 3, first - 2, first - 1], "{pre}");
            for (id, text) in [(0, "™"), (2, "™"), (3, "世"), (4, "a b")] {
                assert_eq!(crate::text::decode(&tokenizer, &[first + id], false).unwrap(), text);
            }
        }
    }
}

#[test]
fn a_byte_without_a_token_is_nothing_and_parts_no_word() {
    let letters: Vec<String> = letters().into_iter().chain(["ĉ", "Ã"].map(String::from)).collect();
    let more = [("ab", TokenKind::Normal), ("ĠÃ", TokenKind::Normal), ("<unk>", TokenKind::Control)];
    let mut data = bpe(&more, &["a b", "Ġ Ã"], &letters);
    let ab = letters.len() as u32;
    (data.unk, data.eos) = (Some(ab + 2), Some(ab + 2));
    let tokenizer = Tokenizer::new(&data).unwrap();
    let plain = |text: &str| ids(&tokenizer, text, false, false);
    assert!(plain("\u{6}").is_empty());
    assert_eq!(plain("a\u{6}b"), [plain("a")[0], plain("b")[0]], "words are cut before");
    // é is the bytes of Ã and of ©, which has none.
    assert_eq!(plain(" é"), [ab + 1]);
    data.pre = "bloom";
    let tokenizer = Tokenizer::new(&data).unwrap();
    assert_eq!(ids(&tokenizer, "a\u{6}b\u{1F}", false, false), [ab]);
    assert_eq!(ids(&tokenizer, &"a\u{6}b".repeat(1000), false, false), vec![ab; 1000], "in pieces, too");
}

#[test]
fn glm4_takes_a_word_that_is_a_token_and_chatglm_merges() {
    let letters = letters();
    let more = ["ab", "bc", "abc"].map(|text| (text, TokenKind::Normal));
    let mut data = bpe(&more, &["b c", "a b", "ab c"], &letters);
    let first = letters.len() as u32;
    for pre in ["glm4", "glm5"] {
        data.pre = pre;
        assert_eq!(ids(&Tokenizer::new(&data).unwrap(), "abc", false, false), [first + 2]);
    }
    data.pre = "chatglm-bpe";
    assert_eq!(ids(&Tokenizer::new(&data).unwrap(), "abc", false, false).last(), Some(&(first + 1)));
}

/// A byte-level vocabulary of all bytes, with this pre-tokenizer and more tokens.
fn all_bytes(pre: &str, more: &[(&str, TokenKind)]) -> Tokenizer {
    let letters: Vec<String> = (0..0x200)
        .filter_map(char::from_u32)
        .filter(|letter| pieces::byte_of_letter(*letter).is_some())
        .map(String::from)
        .collect();
    assert_eq!(letters.len(), 256);
    let mut data = bpe(more, &[], &letters);
    data.pre = pre;
    Tokenizer::new(&data).unwrap()
}

#[test]
fn text_is_composed_where_the_original_composes_it() {
    let more = [("e\u{301}", TokenKind::UserDefined)];
    for (pre, composes) in [
        ("qwen2", true),
        ("qwen35", true),
        ("command-r", true),
        ("mpt", true),
        ("olmo", true),
        ("gpt-2", false),
    ] {
        let tokenizer = all_bytes(pre, &[]);
        let both = |a: &str, b: &str| ids(&tokenizer, a, false, true) == ids(&tokenizer, b, false, true);
        assert_eq!(both("re\u{301}sume\u{301}", "résumé"), composes, "{pre}");
        assert_eq!(both("\u{F90B}", "\u{5587}"), composes, "{pre}");
        assert!(both("résumé \u{1F600} 世界", "résumé \u{1F600} 世界"));
        // Special texts are taken out first, as they are written.
        let tokenizer = all_bytes(pre, &more);
        assert_eq!(ids(&tokenizer, "e\u{301}", false, false), [256], "{pre}");
        assert_eq!(ids(&tokenizer, "e\u{301}\u{323}", false, false).len(), 3, "a mark of its own is left");
    }
}

mod plain_text {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            any::<char>().prop_map(String::from),
            "[a-c <>|/s]{0,6}",
            Just("</s>".to_owned()),
            Just("<|im_end|>".to_owned()),
            Just("<s>".to_owned()),
            Just("[EOT]".to_owned()),
            Just("<unk>".to_owned()),
            Just("\u{6}\u{94}".to_owned()),
            Just("<0x41>\u{2581}".to_owned()),
        ];
        prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
    }

    /// Vocabularies in which every way to a control token is laid out: merges, words that are tokens, bytes
    /// that are missing.
    fn vocabularies() -> Vec<Tokenizer> {
        use TokenKind::{Control, Normal, Unknown, UserDefined};
        let letters = letters();
        let more = [
            ("<s>", Control),
            ("</s>", Control),
            ("<|im_end|>", Normal),
            ("[EOT]", Unknown),
            ("<unk>", Unknown),
            ("<s", Normal),
            ("<|", Normal),
            ("<tool>", UserDefined),
        ];
        let merges = ["< s", "<s >", "< /", "</ s", "</s >", "< |", "[ E", "[E O", "[EO T", "[EOT ]"];
        let mut built = Vec::new();
        for pre in ["gpt-2", "llama-bpe", "tekken", "qwen2", "smollm", "bloom"] {
            let mut data = bpe(&more, &merges, &letters);
            let first = letters.len() as u32;
            (data.pre, data.bos, data.eos, data.unk) = (pre, Some(first), Some(first + 1), Some(first + 1));
            built.push(Tokenizer::new(&data).unwrap());
        }
        let mut data = VocabularyData::new(VocabularyModel::Spm);
        data.tokens = vec!["<unk>", "<s>", "</s>", "<0x41>", "▁", "a", "<", "s", ">", "<s", "/", "</", "</s"];
        data.kinds = [2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1].map(TokenKind::from_gguf).to_vec();
        (data.bos, data.eos) = (Some(1), Some(2));
        built.push(Tokenizer::new(&data).unwrap());
        data.unk = Some(2);
        built.push(Tokenizer::new(&data).unwrap());
        for model in [VocabularyModel::Unigram, VocabularyModel::WordPiece, VocabularyModel::Characters] {
            data.model = model;
            data.pre = "gemma4";
            for unknown in [0, 1, 2] {
                data.unk = Some(unknown);
                data.merges = vec!["< s", "<s >", "< /", "</ s", "</s >", "▁ <"];
                built.push(Tokenizer::new(&data).unwrap());
            }
        }
        built
    }

    proptest! {
        #[test]
        fn never_becomes_a_control_token_or_an_end(text in texts()) {
            for tokenizer in vocabularies() {
                let ids = ids(&tokenizer, &text, false, false);
                // SentencePiece has a token for the letters that it lacks.
                let is_text = |id: u32| {
                    !tokenizer.is_end(id) && tokenizer.pieces.kind(id) != Some(TokenKind::Control)
                };
                prop_assert!(ids.iter().all(|id| is_text(*id)), "{ids:?}");
            }
        }
    }
}
