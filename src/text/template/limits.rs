//! What a template's source may be, counted by the engine's tokenizer before its parser sees it. Knows no values.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::error::{Error, ErrorKind, Result};

const MAX_BYTES: usize = 256 << 10;
const MAX_TOKENS_IN_A_TAG: usize = 4096;
const MAX_ELIF: usize = 256;

/// What tags may have in all, each the square of its tokens: the engine looks for constants in a sum of many again at each
/// of its parts.
const MAX_SQUARES: usize = 4 * MAX_TOKENS_IN_A_TAG * MAX_TOKENS_IN_A_TAG;

/// A filter that changes nothing.
pub(super) const SAME: &str = "__same";

/// Ends the left side of a product: the engine works constants out while it compiles, without fuel, `[1] * 100000000` too.
const PRODUCT: &str = "|__same *";

/// A source within the limits.
pub(super) struct Checked {
    /// With `{% generation %}` as a block that does nothing, and products that are no constants.
    pub(super) source: String,
    /// The strings in the tags, each once.
    pub(super) literals: Vec<String>,
}

/// Checks `source`. `{% generation %}` and `{% endgeneration %}` (Hugging Face's marks around what an assistant said)
/// are not known to the engine: they become `{% if true %}` and `{% endif %}`.
pub(super) fn check(source: &str, syntax: SyntaxConfig) -> Result<Checked> {
    if source.len() > MAX_BYTES {
        return Err(too_much("bytes", source.len(), MAX_BYTES));
    }
    let (mut in_tag, mut elifs, mut opens, mut operand) = (0, 0, false, false);
    let mut squares = 0;
    let mut literals = Vec::new();
    let mut renamed = Vec::new();
    for token in tokenize(source, false, syntax) {
        let (token, span) = token.map_err(|e| super::template_error(&e))?;
        in_tag += 1;
        match &token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => {
                squares += in_tag * in_tag;
                in_tag = 0;
            }
            Token::Ident("elif") if opens => elifs += 1,
            Token::Ident("generation") if opens => renamed.push((span, "if true")),
            Token::Ident("endgeneration") if opens => renamed.push((span, "endif")),
            // Not those of `f(*list)`.
            Token::Mul if operand => renamed.push((span, PRODUCT)),
            Token::Str(text) => literals.push((*text).to_owned()),
            Token::String(text) => literals.push(text.to_string()),
            _ => {}
        }
        opens = matches!(token, Token::BlockStart);
        operand = matches!(
            token,
            Token::Ident(_)
                | Token::Str(_)
                | Token::String(_)
                | Token::Int(_)
                | Token::Int128(_)
                | Token::Float(_)
                | Token::BracketClose
                | Token::ParenClose
                | Token::BraceClose
        );
        if in_tag > MAX_TOKENS_IN_A_TAG {
            return Err(too_much("tokens in a tag", in_tag, MAX_TOKENS_IN_A_TAG));
        }
        if squares > MAX_SQUARES {
            return Err(too_much("squared tokens of a tag in all", squares, MAX_SQUARES));
        }
        if elifs > MAX_ELIF {
            return Err(too_much("elif", elifs, MAX_ELIF));
        }
    }
    literals.sort_unstable();
    literals.dedup();
    let mut changed = source.to_owned();
    for (span, name) in renamed.into_iter().rev() {
        let place = span.start_offset as usize..span.end_offset as usize;
        if changed.get(place.clone()).is_some() {
            changed.replace_range(place, name);
        }
    }
    Ok(Checked { source: changed, literals })
}

fn too_much(what: &str, count: usize, limit: usize) -> Error {
    Error::new(
        ErrorKind::Template,
        format!("the chat template has {count} {what}; at most {limit} are allowed"),
    )
}
