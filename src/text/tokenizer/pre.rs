//! Cuts text into the words that byte-pair merging stays inside of, as the model was trained with. Knows no
//! tokens.
//!
//! Each stage cuts the words of the stage before; what it does not match stays.

use std::ops::Range;

use regex_automata::Input;
use regex_automata::meta::Regex;

use super::names::{self, Pattern, Rule, Whole};
use crate::error::{Error, ErrorKind, Result};

/// A pre-tokenizer, and what its name says about the vocabulary.
#[derive(Debug, Clone)]
pub(super) struct PreTokenizer {
    stages: Vec<Stage>,
    /// Which words that are tokens are not merged.
    pub(super) whole: Whole,
    /// Texts get BOS unless the file says otherwise.
    pub(super) adds_bos: bool,
    /// Text is composed (NFC) before it is cut, as the model's own tokenizer does it. llama.cpp does not.
    pub(super) composes: bool,
}

/// One pattern. What looks ahead in the original is done by hand, so that everything else is a finite
/// automaton: time is linear in the text, whatever the text is.
#[derive(Debug, Clone)]
struct Stage {
    /// The pattern, and that of [`BY_HAND`].
    regex: Regex,
    rule: Rule,
}

/// The index, among a stage's patterns, of what the rule cuts by hand: white space, or digits.
const BY_HAND: usize = 1;

impl PreTokenizer {
    /// The pre-tokenizer of this name; an empty name is "default".
    ///
    /// # Errors
    /// `Unsupported`, naming it, if there is none of this name.
    pub(super) fn new(name: &str) -> Result<Self> {
        let Some(named) = names::find(name) else {
            let message = format!(
                "the pre-tokenizer {name:.64?} is not supported; known are default, gpt-2, llama-bpe, qwen2 and others"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let stages = named.stages.iter().map(Stage::new).collect::<Result<_>>()?;
        let composes = names::COMPOSED.contains(&name);
        Ok(Self { stages, whole: named.whole, adds_bos: named.adds_bos, composes })
    }

    /// The words of `text`, in order; together they are the text.
    pub(super) fn split<'a>(&'a self, text: &'a str) -> Words<'a> {
        Words { stages: &self.stages, rests: vec![Rest::new(text)] }
    }
}

/// The words of a text, cut off one by one.
pub(super) struct Words<'a> {
    stages: &'a [Stage],
    /// What each stage under way has still to cut, from the first on.
    rests: Vec<Rest<'a>>,
}

/// A part of the text that a stage cuts, and how far it is.
struct Rest<'a> {
    part: &'a str,
    done: usize,
    /// Found already, behind what no pattern matches.
    found: Option<Found>,
}

/// What a stage cuts out.
struct Found {
    at: Range<usize>,
    /// Letters of it that are cut further; 0: it is one piece.
    letters: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let depth = self.rests.len().checked_sub(1)?;
            let Some(stage) = self.stages.get(depth) else { return self.rests.pop().map(|word| word.part) };
            match self.rests.last_mut().and_then(|rest| rest.cut(stage)) {
                Some(part) => self.rests.push(Rest::new(part)),
                None => drop(self.rests.pop()),
            }
        }
    }
}

impl<'a> Rest<'a> {
    fn new(part: &'a str) -> Self {
        Self { part, done: 0, found: None }
    }

    /// The next piece that `stage` cuts off.
    fn cut(&mut self, stage: &Stage) -> Option<&'a str> {
        let (part, done) = (self.part, self.done);
        let found = self.found.take().or_else(|| stage.next_match(part, done));
        let end = match found {
            Some(found) if found.at.start > done => {
                let before = found.at.start;
                self.found = Some(found);
                before
            }
            Some(found) => {
                let end = stage.piece(part, &found);
                let letters = found.letters.saturating_sub(stage.piece_of(found.letters));
                self.found = (end < found.at.end).then_some(Found { at: end..found.at.end, letters });
                end
            }
            None => part.len(),
        };
        self.done = end;
        part.get(done..end).filter(|piece| !piece.is_empty())
    }
}

impl Stage {
    fn new(pattern: &Pattern) -> Result<Self> {
        let regex = pattern.regex.as_ref();
        let patterns: &[&str] = match pattern.rule {
            Rule::Plain | Rule::ThreesBehind => &[regex],
            Rule::Blanks | Rule::Halves => &[regex, r"\s+"],
            // What stands before a letter stays with it.
            Rule::Threes => &[r"\d+[\w--\d]", regex],
        };
        let regex = Regex::new_many(patterns)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("pre-tokenizer pattern {regex:?}: {e}")))?;
        Ok(Self { regex, rule: pattern.rule })
    }

    fn next_match(&self, text: &str, mut from: usize) -> Option<Found> {
        loop {
            let found = self.regex.search(&Input::new(text).range(from..))?;
            let (mut start, mut end) = (found.start(), found.end());
            let is_by_hand = found.pattern().as_usize() == BY_HAND;
            let mut letters = 0;
            match self.rule {
                Rule::Blanks | Rule::Halves if is_by_hand => {
                    let last = last_letter(&text[start..end]);
                    if end < text.len() && end - last > start {
                        end -= last;
                    }
                    if self.rule == Rule::Halves {
                        letters = text[start..end].chars().count();
                    }
                }
                Rule::Threes if is_by_hand => letters = text[start..end].chars().count(),
                Rule::Threes => {
                    from = end - last_letter(&text[start..end]);
                    continue;
                }
                Rule::ThreesBehind => {
                    start += (end - start) % 3;
                    letters = end - start;
                    if letters == 0 {
                        from = end;
                        continue;
                    }
                }
                Rule::Plain | Rule::Blanks | Rule::Halves => {}
            }
            // No pattern of the table matches nothing; should one, this would never end.
            return (start < end).then_some(Found { at: start..end, letters });
        }
    }

    /// Letters of the first piece of so many.
    fn piece_of(&self, letters: usize) -> usize {
        match self.rule {
            Rule::Halves if letters < 4 => letters.min(2),
            Rule::Halves => 1 << letters.ilog2().min(9),
            _ if letters.is_multiple_of(3) => 3,
            _ => letters % 3,
        }
    }

    /// Where the first piece of what was found ends.
    fn piece(&self, text: &str, found: &Found) -> usize {
        if found.letters == 0 {
            return found.at.end;
        }
        let mut letters = text[found.at.clone()].char_indices();
        letters.nth(self.piece_of(found.letters)).map_or(found.at.end, |(end, _)| found.at.start + end)
    }
}

/// Bytes of the last letter.
fn last_letter(text: &str) -> usize {
    text.chars().next_back().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(name: &str, text: &str) -> Vec<String> {
        let words: Vec<String> = PreTokenizer::new(name).unwrap().split(text).map(str::to_owned).collect();
        assert_eq!(words.concat(), text);
        words
    }

    #[test]
    fn white_space_before_a_word_leaves_one_space_to_it() {
        assert_eq!(split("gpt-2", "a   b \n c"), ["a", "  ", " b", " \n", " c"]);
        assert_eq!(split("gpt-2", "a  "), ["a", "  "]);
        assert_eq!(split("gpt-2", "\n\nb"), ["\n", "\n", "b"]);
        assert_eq!(split("llama-bpe", "x  \n  y"), ["x", "  \n", " ", " y"]);
    }

    #[test]
    fn digits_are_grouped_as_each_model_does() {
        assert_eq!(split("gpt-2", "a 12345"), ["a", " 12345"]);
        assert_eq!(split("smollm", "a 12"), ["a", " ", "1", "2"]);
        assert_eq!(split("qwen2", "12"), ["1", "2"]);
        assert_eq!(split("llama-bpe", "12345"), ["123", "45"]);
    }

    #[test]
    fn contractions_of_any_case_are_words_where_the_model_says_so() {
        assert_eq!(split("llama-bpe", "I'LL"), ["I", "'LL"]);
        assert_eq!(split("gpt-2", "I'LL"), ["I", "'", "LL"]);
    }

    #[test]
    fn an_unknown_name_is_unsupported_and_named() {
        let error = PreTokenizer::new("kimi-k9").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("kimi-k9"));
    }

    #[test]
    fn every_name_of_the_table_compiles_and_keeps_the_text() {
        let names = [
            "",
            "dbrx",
            "qwen35",
            "falcon",
            "bloom",
            "viking",
            "tekken",
            "gpt-4o",
            "seed-coder",
            "bailingmoe",
        ];
        let more = ["minicpm5", "deepseek-coder", "deepseek-llm", "deepseek-v3"];
        for name in names.iter().chain(&more).chain(&OF_2026) {
            split(name, "Hello's WORLDs, 世界 123456\r\n\n  \t<|x|> é̈ ＡＢ！  ");
        }
    }

    const OF_2026: [&str; 23] = [
        "afmoe",
        "chameleon",
        "cohere2moe",
        "exaone-moe",
        "gemma4",
        "glm5",
        "granite-embed-multi-311m",
        "granite-embed-multi-97m",
        "jais-2",
        "jina-v1-en",
        "jina-v2-code",
        "kimi-k2",
        "laguna",
        "roberta-bpe",
        "sarvam-moe",
        "spark2_5",
        "superbpe",
        "tiny_aya",
        "ufakzeka",
        "youtu",
        "gpt-2",
        "llama-bpe",
        "tekken",
    ];

    #[test]
    fn digits_are_cut_in_threes_from_the_right_where_no_letter_follows() {
        for name in ["tiny_aya", "cohere2moe", "afmoe"] {
            assert_eq!(split(name, "1234567"), ["1", "234", "567"], "{name}");
            assert_eq!(split(name, "x 123456, 12"), ["x", " ", "123", "456", ",", " ", "12"], "{name}");
        }
        assert_eq!(split("tiny_aya", "1234567a"), ["123", "456", "7", "a"], "as GPT-4o does");
        assert_eq!(split("tiny_aya", "1234567é 1234"), ["123", "456", "7", "é", " ", "1", "234"]);
        assert_eq!(split("afmoe", "1234a"), ["123", "4a"], "a letter takes what is before it");
        assert_eq!(split("tiny_aya", "١٢٣٤"), ["١", "٢٣٤"], "digits of any script");
        assert_eq!(split("superbpe", "a 1234 b 123456"), ["a ", "1", "234", " b ", "123", "456"]);
        assert_eq!(split("superbpe", "²1234"), ["²1", "234"]);
    }

    #[test]
    fn blanks_of_jais_2_are_cut_in_powers_of_two() {
        let lengths = |text: &str| split("jais-2", text).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&" ".repeat(7)), [4, 2, 1]);
        assert_eq!(lengths(&" ".repeat(1500)), [512, 512, 256, 128, 64, 16, 8, 4]);
        assert_eq!(lengths("a      b"), [1, 4, 1, 2], "the last goes with the word");
        assert_eq!(lengths("a     7"), [1, 4, 1, 1]);
        assert_eq!(lengths("a  7"), [1, 1, 1, 1]);
        assert_eq!(split("jais-2", "a \n   b"), ["a", " \n", "  ", " b"]);
    }

    #[test]
    fn pre_tokenizers_of_2026_cut_as_their_originals_do() {
        assert_eq!(
            split("kimi-k2", "你好 world世界Hello's\n/"),
            ["你好", " world", "世界", "Hello's", "\n", "/"]
        );
        assert_eq!(split("gpt-4o", "a!\n/b"), ["a", "!\n/", "b"]);
        assert_eq!(split("kimi-k2", "a!\n/b"), ["a", "!\n", "/b"]);
        assert_eq!(split("exaone-moe", "two words  here 1"), ["two words", " ", " here", " ", "1"]);
        assert_eq!(split("ufakzeka", "Ali'den"), ["Ali", "'den"]);
        assert_eq!(split("qwen2", "Ali'den"), ["Ali", "'d", "en"]);
        assert_eq!(split("laguna", "a  \n  b"), ["a", "  ", "\n", " ", " b"]);
        assert_eq!(split("qwen2", "a  \n  b"), ["a", "  \n", " ", " b"]);
        assert_eq!(split("youtu", "가나abc，，世界12"), ["가나", "abc", "，，", "世界", "1", "2"]);
        assert_eq!(split("spark2_5", "a!\n\n 1234"), ["a", "!", "\n", "\n", " ", "1", "2", "3", "4"]);
        assert_eq!(split("afmoe", "ไทยabc ລາວ한국"), ["ไ", "ทยabc", " ", "ລາວ한국"]);
        assert_eq!(
            split("chameleon", "a<sentinel:7>b    c9!"),
            ["a", "<", "sentinel", ":", "7", ">", "b", "    ", "c", "9", "!"]
        );
        assert_eq!(split("chameleon", "IMGIMGABZx"), ["IMGIMGABZ", "x"]);
        for name in ["gemma4", "granite-embed-multi-311m", "sarvam-moe"] {
            assert_eq!(split(name, "a b\n\n\tc"), ["a b", "\n\n", "\tc"], "{name}");
        }
        assert!(PreTokenizer::new("chameleon").unwrap().adds_bos);
    }
}
