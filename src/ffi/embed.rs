//! Embeddings: the shape is there, this release refuses to compute them.

use super::error::wick_error;
use super::guard::{Tag, guard};
use super::handles;
use super::model::{ModelObject, wick_model};
use super::out::check_buffer;
use super::session::lacking;
use super::status::wick_status;
use super::str::{array, wick_str};

/// [ANY][BLOCK] `count` embeddings of `count` texts, L2-normalised, one after the other in `out`. WICK_E_UNSUPPORTED in this release.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_embed(
    model: wick_model,
    texts: *const wick_str,
    count: usize,
    out: *mut f32,
    cap: usize,
    needed: *mut usize,
    timeout_ns: u64,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::NotInCallback, error, || {
        handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        let texts = unsafe { wick_error::check(error).and_then(|()| array(texts, count, "texts")) }?;
        for text in texts {
            // SAFETY: as above.
            unsafe { text.require("a text") }?;
        }
        check_buffer(out, cap)?;
        let _ = (needed, timeout_ns);
        Err(lacking("wick_embed"))
    })
}
