//! The pre-tokenizers by the names that GGUF files give them: patterns, and what a name says about the
//! vocabulary. Knows no text.
//!
//! The patterns are those of the models' own tokenizers; the names are those of the table in
//! `llama_vocab::impl::load`, llama.cpp.

use std::borrow::Cow;

/// One pattern, and what else its stage cuts.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Cow<'static, str>,
    pub(super) rule: Rule,
}

/// What a stage does beside cutting out what its pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing.
    Plain,
    /// White space that the pattern leaves is cut too, but for the last of it where a word follows:
    /// `\s+(?!\S)|\s+`.
    Blanks,
    /// As `Blanks`, in pieces of 512, 256, …, 4, 2 and 1: `\s{512}(?!\S)|…|\s{1,2}(?!\S)|\s`.
    Halves,
    /// Digits, of which the pattern is, are cut in threes from the right where no letter follows them:
    /// `\d{1,3}(?=(?:\d{3})*\b)`.
    Threes,
    /// Digits, of which the pattern is, are cut in threes from the right; those that are left go with what
    /// stands before them: `(?=(\d{3})+(?!\d))`.
    ThreesBehind,
}

/// Which words that are tokens are these tokens, whatever the merges say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// None.
    No,
    /// Runs of newlines (Gemma 4).
    Newlines,
    /// All.
    All,
}

/// What a name stands for.
pub(super) struct Named {
    pub(super) stages: Vec<Pattern>,
    pub(super) whole: Whole,
    /// Texts get BOS unless the file says otherwise.
    pub(super) adds_bos: bool,
}

impl Named {
    fn new(stages: impl Into<Vec<Pattern>>) -> Self {
        Self { stages: stages.into(), whole: Whole::No, adds_bos: false }
    }

    /// One stage that cuts white space too.
    fn single(regex: String) -> Self {
        Self::new([Pattern { regex: regex.into(), rule: Rule::Blanks }])
    }

    /// With another stage before all.
    fn behind(mut self, first: impl IntoIterator<Item = Pattern>) -> Self {
        self.stages.splice(0..0, first);
        self
    }
}

const fn plain(regex: &'static str) -> Pattern {
    Pattern { regex: Cow::Borrowed(regex), rule: Rule::Plain }
}

const CONTRACTIONS: &str = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const GPT2: Pattern = Pattern {
    regex: Cow::Borrowed(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"),
    rule: Rule::Blanks,
};
const DIGIT: Pattern = plain(r"\p{N}");
const THREES: Pattern = Pattern { regex: Cow::Borrowed(r"\d+"), rule: Rule::Threes };
const LINES: Pattern = plain(r"[^\n]+|\n+");
const FINNISH: Pattern = plain(" ?[^(\\s|.,!?…。，、।۔،)]+");

/// Whose originals compose their text first: `"normalizer": {"type": "NFC"}` in the tokenizer.json of Qwen 2
/// to 3.5, Command R, GPT-NeoX (OLMo's too) and MPT.
pub(super) const COMPOSED: [&str; 6] = ["qwen2", "qwen35", "f2llmv2", "command-r", "mpt", "olmo"];

/// The pre-tokenizers of vocabularies that merge characters of UTF-8, not bytes.
pub(super) const OF_CHARACTERS: [&str; 3] = ["gemma4", "granite-embed-multi-311m", "sarvam-moe"];

/// What `name` stands for; an empty one is "default".
pub(super) fn find(name: &str) -> Option<Named> {
    let named = match name {
        "" | "default" => {
            Named::new([plain(r"[\p{P}\$\+<=>\^~\|]+"), GPT2, plain(r"\p{N}+"), plain("[0-9][0-9][0-9]")])
        }
        "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de" | "a.x-4.0"
        | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling" | "exaone4"
        | "jina-v1-en" | "jina-v2-code" | "roberta-bpe" => Named::new([GPT2]),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b"
        | "mellum2" => Named::new([DIGIT, GPT2]),
        "falcon" => Named::new([plain(r"[\p{P}\$\+<=>\^~\|`]+"), GPT2, plain("[0-9][0-9][0-9]")]),
        "poro-chat" | "bloom" | "gpt3-finnish" => Named::new([FINNISH]),
        "viking" => Named::new([FINNISH, DIGIT]),
        "superbpe" => Named::new([
            plain(r"\p{N}+"),
            Pattern { regex: Cow::Borrowed("[0-9]+"), rule: Rule::ThreesBehind },
        ]),
        "chameleon" => Named {
            adds_bos: true,
            ..Named::new([
                plain("<sentinel:[0-9]+>"),
                plain("IMGIMG[A-I]{1,4}Z"),
                plain("[\t\n]|    |  "),
                DIGIT,
                plain(r"[\p{P}!-/:-@\[-`{-~]"),
                GPT2,
            ])
        },
        "gemma4" | "granite-embed-multi-311m" => Named { whole: Whole::Newlines, ..Named::new([LINES]) },
        "sarvam-moe" => Named::new([LINES]),
        other => return llama3(other).or_else(|| gpt4o(other)).or_else(|| deepseek(other)),
    };
    Some(named)
}

/// Llama 3's relatives.
fn llama3(name: &str) -> Option<Named> {
    Some(match name {
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2"
        | "jina-v5-nano" => Named { whole: Whole::All, adds_bos: true, ..words(r"\p{L}", r"\p{N}{1,3}") },
        "dbrx" | "smaug-bpe" | "chatglm-bpe" => words(r"\p{L}", r"\p{N}{1,3}"),
        "glm4" | "glm5" => Named { whole: Whole::All, ..words(r"\p{L}", r"\p{N}{1,3}") },
        "jais-2" => {
            let mut named = words(r"\p{L}", r"\p{N}{1,3}");
            named.stages.iter_mut().for_each(|stage| stage.rule = Rule::Halves);
            named
        }
        "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan"
        | "solar-open" | "grok-2" => words(r"\p{L}", r"\p{N}"),
        "qwen35" => words(r"\p{L}\p{M}", r"\p{N}"),
        "laguna" => words(r"\p{L}", r"\p{N}").behind([LINES]),
        // Turkish has suffixes behind apostrophes.
        "ufakzeka" => {
            Named::single(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+".to_owned())
        }
        "seed-coder" => Named::single(format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+"
        )),
        "bailingmoe" | "bailingmoe2" | "llada-moe" => Named::single(format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]"
        )),
        // Words with single spaces between them are one.
        "exaone-moe" => Named::single(format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]?|\s*[\r\n]"
        )),
        "minicpm5" => {
            Named { whole: Whole::All, ..words(r"\p{L}", r"\p{N}+").behind([plain(r"\p{N}{1,3}")]) }
        }
        _ => return None,
    })
}

/// The pattern of Llama 3 and its many relatives.
fn words(letters: &str, numbers: &str) -> Named {
    // Qwen 3.5 takes marks for letters; then they are no punctuation either.
    let marks = if letters.contains("M") { r"\p{M}" } else { "" };
    Named::single(format!(
        r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?[{letters}]+|{numbers}| ?[^\s\p{{L}}{marks}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
    ))
}

/// GPT-4o's relatives: words end where capitals begin.
fn gpt4o(name: &str) -> Option<Named> {
    const TAIL: &str = r"[\r\n/]*";
    let contractions = format!("{CONTRACTIONS}?");
    let own = |numbers| cased("", numbers, &contractions, "", TAIL);
    Some(match name {
        "tekken" => Named { whole: Whole::All, adds_bos: true, ..cased("", r"\p{N}", "", "", TAIL) },
        "gpt-4o" | "llama4" | "kanana2" | "talkie" | "minimax-m2" => own(r"\p{N}{1,3}"),
        "granite-embed-multi-97m" => Named { whole: Whole::All, ..own(r"\p{N}{1,3}") },
        "tiny_aya" | "cohere2moe" => own(r"\p{N}{1,3}").behind([THREES]),
        "youtu" => Named {
            whole: Whole::All,
            ..own(r"\p{N}")
                .behind([plain("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+")])
        },
        "kimi-k2" => cased(r"\p{Han}+|", r"\p{N}{1,3}", &contractions, r"&&[^\p{Han}]", r"[\r\n]*"),
        _ => return None,
    })
}

/// The pattern of GPT-4o and Mistral's tekken. `first` comes before all; `but` narrows the letters; `tail`
/// goes with punctuation.
fn cased(first: &str, numbers: &str, suffix: &str, but: &str, tail: &str) -> Named {
    let (upper, lower) = (
        format!(r"[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}{but}]"),
        format!(r"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}{but}]"),
    );
    let before = r"[^\r\n\p{L}\p{N}]?";
    Named::single(format!(
        r"{first}{before}{upper}*{lower}+{suffix}|{before}{upper}+{lower}*{suffix}|{numbers}| ?[^\s\p{{L}}\p{{N}}]+{tail}|\s*[\r\n]+"
    ))
}

/// DeepSeek's, and those that go on from them.
fn deepseek(name: &str) -> Option<Named> {
    const NEWLINE: Pattern = plain(r"[\r\n]");
    const CJK: Pattern = plain("[一-龥\u{800}-一가-\u{D7FF}]+");
    const HAN_KANA: Pattern = plain("[一-龥぀-ゟ゠-ヿ]+");
    /// Chinese, Japanese, Thai, Lao, Khmer, Burmese and Korean.
    const UNSPACED: Pattern = plain(
        "[一-鿿㐀-䶿豈-\u{FAFF}぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-\u{E7F}\u{E80}-\u{EFF}ក-\u{17FF}က-႟ꩠ-ꩿꧠ-\u{A9FF}가-\u{D7AF}ᄀ-ᇿ]+",
    );
    const ASCII_WORD: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"##;
    let last = || Named::single(format!(r"{ASCII_WORD}[\r\n]*|\s*[\r\n]+"));
    let threes = plain(r"\p{N}{1,3}");
    Some(match name {
        "deepseek-coder" => Named::new([NEWLINE, plain(r"\s?\p{L}+"), plain(r"\s?\p{P}+"), CJK, DIGIT]),
        "deepseek-llm" => Named::new([
            NEWLINE,
            // Letters that have case: those of Lu, Ll and Lt.
            plain(r"\s?[\p{Lu}\p{Ll}\p{Lt}]+"),
            plain("\\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+"),
            plain(r"\s+$"),
            CJK,
            plain(r"\p{N}+"),
        ]),
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => last().behind([threes, HAN_KANA]),
        "spark2_5" => {
            let mut named = Named::single(format!(r"{ASCII_WORD}|[\r\n]")).behind([threes, HAN_KANA]);
            named.stages.push(DIGIT);
            named
        }
        "afmoe" => last().behind([THREES, UNSPACED]),
        _ => return None,
    })
}
