//! What a model would take, by its header alone; takes nothing.

use super::gguf::{Wanted, chosen, lacking};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Limits;
use crate::pause::{Pauses, at_once};
use crate::runtime::estimate::{Estimate, Sessions};
use crate::runtime::options::{Backend, ModelOptions};
use std::time::Instant;

/// What the model that `options` name would take for such sessions; reads its header, until `deadline`.
///
/// # Errors
/// As a load's, but for the budget; `InvalidArgument` for a context beyond the model's; `Timeout`.
pub(super) fn estimate(
    options: ModelOptions,
    sessions: &Sessions,
    deadline: Option<Instant>,
) -> Result<Estimate> {
    let (container, wanted) = Wanted::of(options)?;
    let mut look = || match deadline {
        Some(deadline) if Instant::now() >= deadline => {
            Err(Error::new(ErrorKind::Timeout, "the model's header is not read yet; give it more time"))
        }
        _ => Ok(()),
    };
    let mut pauses = Pauses::new(&mut look, None);
    let limits = Limits { max_bytes: sessions.limit };
    let (header, words) = at_once(container.header(&limits, &mut pauses))?;
    let file_bytes = header.file_bytes();
    if wanted.vocab_only {
        return Ok(Estimate { file_bytes, ..Estimate::default() });
    }
    let taken = match chosen(wanted.backend) {
        #[cfg(feature = "native")]
        Backend::Native => native(&header, &wanted, sessions),
        #[cfg(feature = "candle")]
        Backend::Candle => {
            let why = "the candle backend takes memory as it goes, which nobody can tell beforehand; take the native one";
            Err(Error::new(ErrorKind::Unsupported, why))
        }
        backend => Err(lacking(backend)),
    }
    .map_err(|e| words.explain(e))?;
    Ok(Estimate { file_bytes, ..taken })
}

#[cfg(feature = "native")]
fn native(header: &crate::gguf::Header, wanted: &Wanted, sessions: &Sessions) -> Result<Estimate> {
    use crate::engine::check_context;
    use crate::kv::Pasts;
    let outline = crate::model::NativeOutline::new(header, wanted.context_length, wanted.kv_type)?;
    let tokens = check_context(sessions.context, outline.context_length())?;
    let context = outline.kv_bytes_per_token().saturating_mul(outline.context_length() as u64);
    let pass = tokens.saturating_mul(sessions.count).min(outline.max_tokens());
    let idle = sessions.prefixes.bytes(context, sessions.limit);
    let needs = outline.cache_spec().needs(&Pasts { sequences: sessions.count, tokens, pass, idle });
    Ok(Estimate {
        file_bytes: 0,
        weight_bytes: outline.weight_bytes(),
        kv_bytes: needs.blocks,
        state_bytes: needs.states,
        scratch_bytes: outline.scratch_bytes(pass, sessions.count.min(sessions.together)),
    })
}
