//! BPE of characters, WordPiece and unigram: what differs from byte-level BPE and SentencePiece.

use super::*;
use crate::gguf::write::{MetaValue, Writer};
use crate::gguf::{Gguf, Limits, Source, ValueType};

fn data<'a>(model: VocabularyModel, tokens: &[(&'a str, TokenKind)]) -> VocabularyData<'a> {
    let mut data = VocabularyData::new(model);
    (data.tokens, data.kinds) = tokens.iter().copied().unzip();
    data
}

const GEMMA: [(&str, TokenKind); 17] = [
    ("<pad>", TokenKind::Control),
    ("<eos>", TokenKind::Control),
    ("<bos>", TokenKind::Control),
    ("<turn|>", TokenKind::UserDefined),
    ("<|tool_response>", TokenKind::UserDefined),
    ("</s>", TokenKind::Normal),
    ("<0xC3>", TokenKind::Byte),
    ("<0xA9>", TokenKind::Byte),
    ("▁", TokenKind::Normal),
    ("a", TokenKind::Normal),
    ("b", TokenKind::Normal),
    ("\n", TokenKind::Normal),
    ("\n\n", TokenKind::Normal),
    ("\n\n\n", TokenKind::Normal),
    ("▁a", TokenKind::Normal),
    ("ab", TokenKind::Normal),
    ("▁▁", TokenKind::UserDefined),
];

fn gemma(pre: &'static str, merges: &[&'static str]) -> Tokenizer {
    let mut data = data(VocabularyModel::Characters, &GEMMA);
    (data.pre, data.merges) = (pre, merges.to_vec());
    (data.bos, data.eos, data.add_bos) = (Some(2), Some(1), Some(true));
    Tokenizer::new(&data).unwrap()
}

#[test]
fn characters_merge_by_rank_and_a_space_is_a_mark() {
    let tokenizer = gemma("gemma4", &["a b", "▁ a", "\n \n", "▁ ▁"]);
    let plain = |text: &str| ids(&tokenizer, text, false, true);
    assert_eq!(ids(&tokenizer, "a b", true, true), [2, 9, 8, 10]);
    assert_eq!(plain(" ab"), [8, 15], "the first merge comes first");
    assert_eq!(plain(" a"), [14]);
    assert_eq!(plain("▁a"), [14], "the mark is a space");
    assert_eq!(plain("  b"), [16, 10], "a user-defined token may be written with the mark");
    assert_eq!(plain("éa"), [6, 7, 9], "bytes of what is no token");
    assert_eq!(plain("xéy"), [6, 7], "and nothing where they have none");
    assert_eq!(crate::text::decode(&tokenizer, &[2, 14, 8, 6, 7, 13], false).unwrap(), " a é\n\n\n");
    let long = format!("{} {}", "ab".repeat(1000), "é".repeat(1000));
    let expected = [vec![15; 1000], vec![8], [6, 7].repeat(1000)].concat();
    assert_eq!(plain(&long), expected, "in pieces");
}

#[test]
fn runs_of_newlines_that_are_tokens_are_not_merged() {
    let merges = ["\n \n"];
    let tokenizer = gemma("gemma4", &merges);
    let plain = |text: &str| ids(&tokenizer, text, false, true);
    assert_eq!((plain("\n\n\n"), plain("a\n\n\nb")), (vec![13], vec![9, 13, 10]));
    assert_eq!(plain("\n\n\n\n"), [12, 12]);
    assert_eq!(ids(&gemma("granite-embed-multi-311m", &merges), "\n\n\n", false, true), [13]);
    assert_eq!(ids(&gemma("sarvam-moe", &merges), "\n\n\n", false, true), [12, 11]);
}

#[test]
fn s32_gemma_4_ends_with_its_own_and_not_with_html() {
    let tokenizer = gemma("gemma4", &["a b"]);
    assert_eq!(tokenizer.end_ids(), [1, 3, 4]);
    assert!(!tokenizer.piece(5).unwrap().special);
    assert!(!ids(&tokenizer, "<turn|>", false, false).contains(&3), "no end comes out of text");
    assert_eq!(ids(&tokenizer, "<turn|>", false, true), [3]);
}

#[test]
fn characters_that_only_merges_know_are_merged() {
    let mut tokens = GEMMA.to_vec();
    tokens.push(("xy", TokenKind::Normal));
    let mut data = data(VocabularyModel::Characters, &tokens);
    (data.pre, data.merges) = ("gemma4", vec!["x y", "é b", "a b c", "< /"]);
    assert!(refused(&data).contains("merge 2"));
    data.merges.remove(2);
    let tokenizer = Tokenizer::new(&data).unwrap();
    assert_eq!(ids(&tokenizer, "axyéba", false, false), [9, 17, 6, 7, 10, 9]);
    assert!(tokenizer.notes()[0].contains("no tokens"));
}

const BERT: [(&str, TokenKind); 14] = [
    ("[PAD]", TokenKind::Control),
    ("[UNK]", TokenKind::Control),
    ("[CLS]", TokenKind::Control),
    ("[SEP]", TokenKind::Control),
    ("[MASK]", TokenKind::Control),
    ("▁he", TokenKind::Normal),
    ("▁hello", TokenKind::Normal),
    ("llo", TokenKind::Normal),
    ("s", TokenKind::Normal),
    ("▁!", TokenKind::Normal),
    ("▁世", TokenKind::Normal),
    ("▁a", TokenKind::Normal),
    ("a", TokenKind::Normal),
    ("▁▁", TokenKind::Normal),
];

fn bert(lowercase: bool) -> Tokenizer {
    let mut data = data(VocabularyModel::WordPiece, &BERT);
    (data.bos, data.eos, data.unk) = (Some(2), Some(3), Some(1));
    (data.add_bos, data.add_eos, data.lowercase) = (Some(true), Some(true), lowercase);
    Tokenizer::new(&data).unwrap()
}

#[test]
fn words_become_their_longest_pieces() {
    let tokenizer = bert(true);
    let plain = |text: &str| ids(&tokenizer, text, false, true);
    assert_eq!(ids(&tokenizer, "Hello hellos!", true, true), [2, 6, 6, 8, 9, 3]);
    assert_eq!(plain("hes héllo"), [5, 8, 6], "accents are left out");
    assert_eq!(plain("\u{0}he\u{200B}llo\u{FFFD}"), [6], "and control characters");
    assert_eq!(plain("he\u{A0}a\u{3000}a"), [5, 11, 11]);
    assert_eq!(plain("世世a"), [10, 10, 11]);
    assert_eq!(plain("hex he"), [1, 5], "the whole word is unknown");
    assert_eq!(plain(&"a".repeat(100)), [vec![11], vec![12; 99]].concat());
    assert_eq!(plain(&"a".repeat(101)), [1]);
    assert_eq!(plain(&format!("{} a", "a".repeat(100_000))), [1, 11]);
    assert_eq!(plain("▁ ▁he"), [13, 1], "the mark in a text is a letter");
    assert_eq!((plain(""), plain(" \n")), (vec![], vec![]));
    assert_eq!(plain("a [MASK]a"), [11, 4, 11]);
    assert!(!ids(&tokenizer, "[MASK]", false, false).contains(&4));
    assert_eq!(ids(&bert(false), "he Hé", false, true), [5, 1], "case and accents are kept");
    assert_eq!(crate::text::decode(&tokenizer, &[2, 6, 8, 9, 3], false).unwrap(), " hellos !");
    assert_eq!(appended(&tokenizer, &[2], &["he", "llo!"]), [2, 5, 1, 9], "each text begins a word");
}

const T5: [(&str, TokenKind); 9] = [
    ("<pad>", TokenKind::Control),
    ("</s>", TokenKind::Control),
    ("<unk>", TokenKind::Unknown),
    ("▁", TokenKind::Normal),
    ("a", TokenKind::Normal),
    ("b", TokenKind::Normal),
    ("ab", TokenKind::Normal),
    ("▁a", TokenKind::Normal),
    ("<x>", TokenKind::UserDefined),
];

fn t5(fewer_spaces: bool) -> Tokenizer {
    let mut data = data(VocabularyModel::Unigram, &T5);
    data.scores = vec![0.0, 0.0, 0.0, -2.0, -3.0, -3.0, -5.0, -4.0, -9.0];
    (data.eos, data.unk, data.add_eos) = (Some(1), Some(2), Some(true));
    (data.add_space_prefix, data.fewer_spaces) = (Some(true), fewer_spaces);
    Tokenizer::new(&data).unwrap()
}

#[test]
fn the_likeliest_pieces_are_taken() {
    let tokenizer = t5(true);
    let plain = |text: &str| ids(&tokenizer, text, false, true);
    assert_eq!(ids(&tokenizer, "ab", true, true), [3, 6, 1], "-2 - 5 beats -4 - 3 only with the first found");
    assert_eq!(plain("a  b "), [7, 3, 5]);
    assert_eq!(plain(" a"), [7]);
    assert_eq!(plain("▁a▁▁"), [3, 7], "the mark in a text is a space, which none is taken from in front");
    assert_eq!(plain("xyza"), [3, 2, 4], "unknowns are one");
    assert_eq!((plain(""), plain("  ")), (vec![], vec![]));
    assert_eq!(plain("a<x>a"), [7, 8, 7]);
    assert_eq!(ids(&t5(false), "a  b ", false, true), [7, 3, 3, 5, 3]);
    assert_eq!(ids(&t5(false), " ", false, true), [3, 3]);
    assert_eq!(appended(&tokenizer, &[], &["a", "b", " a", "<x>", "b"]), [7, 5, 7, 8, 3, 5]);
    assert_eq!(crate::text::decode(&tokenizer, &[7, 3, 5, 1], false).unwrap(), " a b");
}

#[test]
fn equal_ways_are_told_apart_by_sentencepieces_rounding() {
    let pieces =
        [("<unk>", 0.0), ("▁1", -5.299_808), ("0", -4.524_038_3), (",", -5.236_311), ("00", -5.246_945_4)];
    let tokens = pieces.map(|(text, _)| (text, TokenKind::Normal));
    let mut data = data(VocabularyModel::Unigram, &tokens);
    data.scores = pieces.map(|(_, score)| score).into();
    (data.unk, data.add_space_prefix) = (Some(0), Some(true));
    let tokenizer = Tokenizer::new(&data).unwrap();
    // 2 and 4 in the other order are as likely, and come first; SentencePiece 0.2.3 gives these ids.
    assert_eq!(ids(&tokenizer, "10,000", false, true), [1, 2, 3, 4, 2]);
}

#[test]
fn f6_hostile_tries_are_refused_by_name() {
    let long = "a".repeat(513);
    for model in [VocabularyModel::WordPiece, VocabularyModel::Unigram] {
        let tokens = [("a", TokenKind::Normal), (long.as_str(), TokenKind::Normal)];
        assert!(refused(&data(model, &tokens)).contains("token 1 has 513 bytes"));
        assert!(refused(&data(model, &[])).contains("0 tokens"));
        let twins = [("a", TokenKind::Normal), ("a", TokenKind::Normal)];
        assert!(refused(&data(model, &twins)).contains("are both"));
    }
    let one = [("a", TokenKind::Normal)];
    let scores = vec![f32::NAN];
    assert!(refused(&VocabularyData { scores, ..data(VocabularyModel::Unigram, &one) }).contains("NaN"));
    let charsmap = vec![9; 9];
    let broken = VocabularyData { charsmap, ..data(VocabularyModel::Unigram, &one) };
    assert!(refused(&broken).contains("precompiled_charsmap"));
    for score in [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
        let scores = vec![score; 1];
        let tokenizer = VocabularyData { scores, ..data(VocabularyModel::Unigram, &one) };
        assert_eq!(ids(&Tokenizer::new(&tokenizer).unwrap(), "axa", false, false), [0, 0]);
    }
}

/// Tokens that each letter of the text begins, and that it never ends.
#[test]
fn t2_hostile_pieces_take_time_in_proportion_to_the_text() {
    let long: Vec<String> = (1..=512).map(|length| "a".repeat(length)).collect();
    let tokens: Vec<_> = long.iter().map(|text| (text.as_str(), TokenKind::Normal)).collect();
    let start = std::time::Instant::now();
    let mut unigram = data(VocabularyModel::Unigram, &tokens);
    unigram.scores = (1..=512).map(|length| -(length as f32)).collect();
    let text = "a".repeat(100_000);
    let unigram = Tokenizer::new(&unigram).unwrap();
    let found = ids(&unigram, &text, false, false);
    assert_eq!(crate::text::decode(&unigram, &found, false).unwrap(), text);
    let words = data(VocabularyModel::WordPiece, &tokens);
    let text = format!("{}b ", "a".repeat(99)).repeat(1000);
    assert!(ids(&Tokenizer::new(&words).unwrap(), &text, false, false).is_empty());
    assert!(start.elapsed() < std::time::Duration::from_secs(300), "{:?}", start.elapsed());
}

#[test]
fn long_texts_of_every_model_rest() {
    let text = "hello ab\n世 ".repeat(2000);
    for tokenizer in [gemma("gemma4", &["a b"]), bert(true), t5(true)] {
        let whole = ids(&tokenizer, &text, false, true);
        let mut out = Vec::new();
        let encode = async |pauses: &mut Pauses<'_>| {
            tokenizer.encode_in_pieces(&text, false, true, &mut out, pauses).await
        };
        assert!(looks(encode) >= 10);
        assert_eq!(out, whole);
    }
}

#[test]
fn white_space_before_a_mask_belongs_to_it_where_the_original_has_it_so() {
    let letters = letters();
    let mut data = bpe(&[("<mask>", TokenKind::Control)], &[], &letters);
    let mask = letters.len() as u32;
    let count = |data: &VocabularyData<'_>| ids(&Tokenizer::new(data).unwrap(), "a \n<mask> a", false, true);
    assert_eq!(count(&data).len(), 6);
    data.strip_before = "<mask>";
    let found = count(&data);
    assert_eq!((found.len(), found[1]), (4, mask));
}

/// The vocabulary of a file with these keys.
fn read(keys: &[(&str, MetaValue)]) -> Result<Tokenizer> {
    let writer = Writer::new().meta("general.architecture", "llama");
    let writer = keys.iter().fold(writer, |writer, (key, value)| writer.meta(key, value.clone()));
    let source = Source::Memory(Box::new(writer.to_bytes()));
    let header = Gguf::open_header(source, &Limits::default()).unwrap();
    Tokenizer::new(&VocabularyData::from_gguf(header.metadata())?)
}

#[test]
fn files_of_every_model_are_read() {
    let texts = |tokens: &[(&str, TokenKind)]| tokens.iter().map(|(text, _)| *text).collect::<MetaValue>();
    let kinds = |tokens: &[(&str, TokenKind)]| {
        MetaValue::Array(
            ValueType::I32,
            tokens.iter().map(|(_, kind)| MetaValue::I32(*kind as i32)).collect(),
        )
    };
    let file = |model: &str, tokens: &[(&str, TokenKind)], more: &[(&'static str, MetaValue)]| {
        let mut keys = vec![
            ("tokenizer.ggml.model", model.into()),
            ("tokenizer.ggml.tokens", texts(tokens)),
            ("tokenizer.ggml.token_type", kinds(tokens)),
        ];
        keys.extend_from_slice(more);
        read(&keys)
    };
    let merges = || ("tokenizer.ggml.merges", ["a b", "\n \n"].as_slice().into());
    let ids_of = |bos: u32| ("tokenizer.ggml.bos_token_id", bos.into());
    let no = ("tokenizer.ggml.add_bos_token", false.into());
    let tokenizer = file("gemma4", &GEMMA, &[merges(), ids_of(2), no.clone()]).unwrap();
    assert_eq!(ids(&tokenizer, "ab", true, true), [2, 15], "BOS though the file says no");
    let named = ("tokenizer.ggml.pre", "sarvam-moe".into());
    let tokenizer = file("gpt2", &GEMMA, &[merges(), ids_of(2), no, named]).unwrap();
    assert_eq!(ids(&tokenizer, "ab\n\n\n", true, true), [15, 12, 11]);
    assert!(file("gemma4", &GEMMA, &[]).unwrap_err().message().contains("merges"));

    let [first, last, unknown] = [("cls", 2u32), ("seperator", 3), ("unknown", 1)]
        .map(|(name, id)| (format!("tokenizer.ggml.{name}_token_id"), MetaValue::from(id)));
    let keys = [&first, &last, &unknown].map(|(key, id)| (key.as_str(), id.clone()));
    let mut all = vec![
        ("tokenizer.ggml.model", "bert".into()),
        ("tokenizer.ggml.tokens", texts(&BERT)),
        ("tokenizer.ggml.token_type", kinds(&BERT)),
    ];
    all.extend(keys);
    assert_eq!(ids(&read(&all).unwrap(), "Hello", true, true), [2, 6, 3]);
    all.push(("tokenizer.ggml.normalizer.lowercase", false.into()));
    assert_eq!(ids(&read(&all).unwrap(), "Hello", true, true), [2, 1, 3]);

    let tokenizer = file("t5", &T5, &[]).unwrap();
    assert_eq!(ids(&tokenizer, "ab", true, true), [6, 1], "EOS and no space unless the file says otherwise");
    for (model, why) in [
        ("rwkv", "not been built"),
        ("plamo2", "not been built"),
        ("whitespace", "not been built"),
        ("no_vocab", "no vocabulary"),
        ("x", "not supported"),
    ] {
        let error = file(model, &T5, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(model) && error.message().contains(why), "{error}");
    }
}
