//! Cuts text into the words that byte-pair merging stays inside of, as the model was trained with. Knows no
//! tokens.
//!
//! The patterns are those of the models' own tokenizers, by the names that GGUF files give them (the table in
//! `llama_vocab::impl::load`, llama.cpp). Each stage cuts the words of the stage before; what it does not
//! match stays.

use std::ops::Range;

use regex_automata::Input;
use regex_automata::meta::Regex;

use crate::error::{Error, ErrorKind, Result};

/// A pre-tokenizer, and what its name says about the vocabulary.
#[derive(Debug, Clone)]
pub(super) struct PreTokenizer {
    stages: Vec<Stage>,
    /// A word that is a token is this token, whatever the merges say.
    pub(super) ignore_merges: bool,
    /// Texts get BOS unless the file says otherwise.
    pub(super) adds_bos: bool,
    /// Text is composed (NFC) before it is cut, as the model's own tokenizer does it. llama.cpp does not.
    pub(super) composes: bool,
}

/// One pattern. The last alternatives of most are `\s+(?!\S)|\s+`: white space, but for the last of it where
/// a word follows. That look-ahead is done by hand (pattern 1 is `\s+`), so that everything else is a finite
/// automaton: time is linear in the text, whatever the text is.
#[derive(Debug, Clone)]
struct Stage {
    regex: Regex,
}

/// The index of `\s+` among a stage's patterns.
const SPACES: usize = 1;

/// A stage as written: the pattern, and whether white space is left over as said at [`Stage`].
struct Pattern(&'static str, bool);

const CONTRACTIONS: &str = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const GPT2: Pattern = Pattern(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+", true);
const DIGIT: Pattern = Pattern(r"\p{N}", false);
const UPPER_LOWER: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+";
const UPPER_ONLY: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*";

/// Whose originals compose their text first: `"normalizer": {"type": "NFC"}` in the tokenizer.json of Qwen 2
/// to 3.5, Command R, GPT-NeoX (OLMo's too) and MPT.
const COMPOSED: [&str; 6] = ["qwen2", "qwen35", "f2llmv2", "command-r", "mpt", "olmo"];

/// What a name stands for.
struct Named {
    /// Each a pattern, and whether it ends in the white space alternatives.
    stages: Vec<(String, bool)>,
    ignore_merges: bool,
    adds_bos: bool,
}

impl Named {
    fn new(stages: &[Pattern]) -> Self {
        let stages = stages.iter().map(|stage| (stage.0.to_owned(), stage.1)).collect();
        Self { stages, ignore_merges: false, adds_bos: false }
    }

    /// One stage that ends in the white space alternatives.
    fn single(pattern: String) -> Self {
        Self { stages: vec![(pattern, true)], ignore_merges: false, adds_bos: false }
    }
}

impl PreTokenizer {
    /// The pre-tokenizer of this name; an empty name is "default".
    ///
    /// # Errors
    /// `Unsupported`, naming it, if there is none of this name.
    pub(super) fn new(name: &str) -> Result<Self> {
        let Some(named) = find(name) else {
            let message = format!(
                "the pre-tokenizer {name:.64?} is not supported; known are default, gpt-2, llama-bpe, qwen2 and others"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let stages = named
            .stages
            .iter()
            .map(|(pattern, spaces)| Stage::new(pattern, *spaces))
            .collect::<Result<_>>()?;
        let composes = COMPOSED.contains(&name);
        Ok(Self { stages, ignore_merges: named.ignore_merges, adds_bos: named.adds_bos, composes })
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
    found: Option<Range<usize>>,
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
            Some(found) if found.start > done => {
                let before = found.start;
                self.found = Some(found);
                before
            }
            Some(found) => found.end,
            None => part.len(),
        };
        self.done = end;
        part.get(done..end).filter(|piece| !piece.is_empty())
    }
}

impl Stage {
    fn new(pattern: &str, spaces: bool) -> Result<Self> {
        let patterns: &[&str] = if spaces { &[pattern, r"\s+"] } else { &[pattern] };
        let regex = Regex::new_many(patterns).map_err(|e| {
            Error::new(ErrorKind::Internal, format!("pre-tokenizer pattern {pattern:?}: {e}"))
        })?;
        Ok(Self { regex })
    }

    fn next_match(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let found = self.regex.search(&Input::new(text).range(from..))?;
        let (start, mut end) = (found.start(), found.end());
        if found.pattern().as_usize() == SPACES && end < text.len() {
            let last = text[start..end].chars().next_back().map_or(0, char::len_utf8);
            if end - last > start {
                end -= last;
            }
        }
        // No pattern of the table matches nothing; should one, this would never end.
        (start < end).then_some(start..end)
    }
}

fn find(name: &str) -> Option<Named> {
    let named = match name {
        "" | "default" => Named::new(&[
            Pattern(r"[\p{P}\$\+<=>\^~\|]+", false),
            GPT2,
            Pattern(r"\p{N}+", false),
            Pattern("[0-9][0-9][0-9]", false),
        ]),
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2"
        | "jina-v5-nano" => Named { ignore_merges: true, adds_bos: true, ..words(r"\p{L}", r"\p{N}{1,3}") },
        "dbrx" | "smaug-bpe" | "chatglm-bpe" => words(r"\p{L}", r"\p{N}{1,3}"),
        "glm4" | "glm5" => Named { ignore_merges: true, ..words(r"\p{L}", r"\p{N}{1,3}") },
        "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan"
        | "solar-open" | "grok-2" => words(r"\p{L}", r"\p{N}"),
        "qwen35" => words(r"\p{L}\p{M}", r"\p{N}"),
        "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de" | "a.x-4.0"
        | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling" | "exaone4" => {
            Named::new(&[GPT2])
        }
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b"
        | "mellum2" => Named::new(&[DIGIT, GPT2]),
        "falcon" => {
            Named::new(&[Pattern(r"[\p{P}\$\+<=>\^~\|`]+", false), GPT2, Pattern("[0-9][0-9][0-9]", false)])
        }
        "poro-chat" | "bloom" | "gpt3-finnish" => Named::new(&[FINNISH]),
        "viking" => Named::new(&[FINNISH, DIGIT]),
        "tekken" => Named { ignore_merges: true, adds_bos: true, ..cased(r"\p{N}", "") },
        "gpt-4o" | "llama4" | "kanana2" | "talkie" | "minimax-m2" => {
            cased(r"\p{N}{1,3}", &format!("{CONTRACTIONS}?"))
        }
        "seed-coder" => Named::single(format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+"
        )),
        "bailingmoe" | "bailingmoe2" | "llada-moe" => Named::single(format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]"
        )),
        "minicpm5" => {
            let mut named = words(r"\p{L}", r"\p{N}+");
            named.stages.insert(0, (r"\p{N}{1,3}".to_owned(), false));
            Named { ignore_merges: true, ..named }
        }
        other => return deepseek(other),
    };
    Some(named)
}

const FINNISH: Pattern = Pattern(" ?[^(\\s|.,!?…。，、।۔،)]+", false);

/// The pattern of Llama 3 and its many relatives.
fn words(letters: &str, numbers: &str) -> Named {
    // Qwen 3.5 takes marks for letters; then they are no punctuation either.
    let marks = if letters.contains("M") { r"\p{M}" } else { "" };
    Named::single(format!(
        r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?[{letters}]+|{numbers}| ?[^\s\p{{L}}{marks}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
    ))
}

/// The pattern of GPT-4o and Mistral's tekken: words end where capitals begin.
fn cased(numbers: &str, suffix: &str) -> Named {
    Named::single(format!(
        r"{UPPER_LOWER}{suffix}|{UPPER_ONLY}{suffix}|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+"
    ))
}

fn deepseek(name: &str) -> Option<Named> {
    const NEWLINE: Pattern = Pattern(r"[\r\n]", false);
    const CJK: Pattern = Pattern("[一-龥\u{800}-一가-\u{D7FF}]+", false);
    Some(match name {
        "deepseek-coder" => {
            Named::new(&[NEWLINE, Pattern(r"\s?\p{L}+", false), Pattern(r"\s?\p{P}+", false), CJK, DIGIT])
        }
        "deepseek-llm" => Named::new(&[
            NEWLINE,
            // Letters that have case: those of Lu, Ll and Lt.
            Pattern(r"\s?[\p{Lu}\p{Ll}\p{Lt}]+", false),
            Pattern("\\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+", false),
            Pattern(r"\s+$", false),
            CJK,
            Pattern(r"\p{N}+", false),
        ]),
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => Named::new(&[
            Pattern(r"\p{N}{1,3}", false),
            Pattern("[一-龥぀-ゟ゠-ヿ]+", false),
            Pattern(
                r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+"##,
                true,
            ),
        ]),
        _ => return None,
    })
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
        for name in names.iter().chain(&more) {
            split(name, "Hello's WORLDs, 世界 123456\r\n\n  \t<|x|> é̈ ＡＢ！  ");
        }
    }
}
