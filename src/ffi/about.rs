//! What the library is, and the names of its status codes; knows no object.

use super::border::guard::{Tag, guard};
use super::border::out::write_text;
use super::border::status::*;
use std::ffi::{CStr, c_char};

const ERROR_NAMES: [&CStr; 19] = [
    c"WICK_E_INVALID_ARGUMENT",
    c"WICK_E_STALE_HANDLE",
    c"WICK_E_BUSY",
    c"WICK_E_REENTRANT",
    c"WICK_E_UNSUPPORTED",
    c"WICK_E_IO",
    c"WICK_E_MODEL_INVALID",
    c"WICK_E_OUT_OF_MEMORY",
    c"WICK_E_CONTEXT_FULL",
    c"WICK_E_TEMPLATE",
    c"WICK_E_TOKENIZER",
    c"WICK_E_GRAMMAR",
    c"WICK_E_NUMERIC",
    c"WICK_E_SHUTDOWN",
    c"WICK_E_TIMEOUT",
    c"WICK_E_QUEUE_FULL",
    c"WICK_E_BUFFER_TOO_SMALL",
    c"WICK_E_INTERNAL",
    c"WICK_E_FORKED",
];

/// The name of a status, "WICK_E_IO"; "WICK_E_UNKNOWN" or "WICK_UNKNOWN" for a value that this release does
/// not know. Static.
#[unsafe(no_mangle)]
pub extern "C" fn wick_status_name(status: wick_status) -> *const c_char {
    let name = match status {
        WICK_OK => c"WICK_OK",
        WICK_EMPTY => c"WICK_EMPTY",
        WICK_ENDED => c"WICK_ENDED",
        WICK_MORE => c"WICK_MORE",
        4.. => c"WICK_UNKNOWN",
        _ => {
            let index = status.unsigned_abs() as usize - 1;
            ERROR_NAMES.get(index).copied().unwrap_or(c"WICK_E_UNKNOWN")
        }
    };
    name.as_ptr()
}

/// WICK_ABI_VERSION of the library that is linked.
#[unsafe(no_mangle)]
pub extern "C" fn wick_abi_version() -> u32 {
    WICK_ABI_VERSION
}

/// The version of the library that is linked, such as "0.1.0". Static.
#[unsafe(no_mangle)]
pub extern "C" fn wick_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What this build is, as JSON: `version`, `abi_version` (integer), `features` and `backends` (arrays of
/// strings), `kernels` (what this CPU computes with: "scalar", "avx2", "avxvnni", "avx512", "neon",
/// "neoni8mm"), `target` ("x86_64-linux"), `debug` (boolean). Later releases may add keys, here and in the
/// other info calls. `(json, cap, needed)`: `*needed`, unless NULL, is set to the bytes of the whole text
/// without its NUL; WICK_E_BUFFER_TOO_SMALL if `cap` is not more than that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_build_info(json: *mut c_char, cap: usize, needed: *mut usize) -> wick_status {
    guard(Tag::Any, std::ptr::null_mut(), || {
        let features = [
            ("native", cfg!(feature = "native")),
            ("candle", cfg!(feature = "candle")),
            ("text", cfg!(feature = "text")),
            ("folders", cfg!(feature = "folders")),
            ("testing", cfg!(feature = "testing")),
        ];
        let names = |all: &[(&'static str, bool)]| -> Vec<&str> {
            all.iter().filter(|(_, built)| *built).map(|(name, _)| *name).collect()
        };
        let info = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "abi_version": WICK_ABI_VERSION,
            "features": names(&features),
            "backends": names(&features[..2]),
            "kernels": crate::kernel::Kernels::best().set().name(),
            "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            "debug": cfg!(debug_assertions),
        });
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&info.to_string(), json, cap, needed) }?;
        Ok(WICK_OK)
    })
}
