//! wick_model_estimate as C calls it: what it says, what it refuses, and that it takes nothing.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use crate::support::tiny::Tiny;
use std::ffi::c_void;
use std::ptr;

/// Asks for two sessions of `context` tokens.
fn ask(
    runtime: wick_runtime,
    options: &wick_model_options,
    context: u32,
    timeout_ns: u64,
) -> (wick_status, wick_estimate, String) {
    let (mut said, mut error): (wick_estimate, wick_error) = (sized(), sized());
    // SAFETY: all pointers are good.
    let status =
        unsafe { wick_model_estimate(runtime, options, context, 2, &mut said, timeout_ns, &mut error) };
    (status, said, message(&error))
}

/// Reads from the file that `user` points to.
unsafe extern "C" fn read_at(user: *mut c_void, offset: u64, dst: *mut c_void, len: u64) -> i32 {
    // SAFETY: the tests' own file, and the library's place of so many bytes.
    let (file, dst) =
        unsafe { (&*user.cast::<Vec<u8>>(), std::slice::from_raw_parts_mut(dst.cast::<u8>(), len as usize)) };
    dst.copy_from_slice(&file[offset as usize..][..dst.len()]);
    0
}

#[test]
fn memory_and_a_reader_say_the_same_and_nothing_is_dropped() {
    let runtime = runtime();
    let mut file = Tiny::new("llama").speaking().writer().to_bytes();
    let (user, counter) = (Counter::new(), Counter::new());
    let data = wick_model_options {
        data: file.as_ptr().cast(),
        data_len: file.len(),
        data_user: counter.user(),
        data_drop: Some(count),
        user: user.user(),
        drop: Some(count),
        ..sized()
    };
    let io = wick_io {
        size: file.len() as u64,
        read_at: Some(read_at),
        user: ptr::from_mut(&mut file).cast(),
        drop: Some(count),
        ..sized()
    };
    let reader = wick_model_options { io: &io, user: user.user(), drop: Some(count), ..sized() };
    let (status, said, why) = ask(runtime, &data, 0, WICK_FOREVER);
    assert_eq!((name(status), why.as_str()), ("WICK_OK", ""));
    let parts = said.weight_bytes + said.kv_bytes + said.state_bytes + said.scratch_bytes;
    assert_eq!((said.file_bytes, said.total_bytes), (data.data_len as u64, parts));
    // 3 layers, keys and values, 2 heads of 16, f16; two sessions of 512 tokens.
    assert_eq!((said.kv_bytes, said.state_bytes), (3 * 2 * 2 * 16 * 2 * 2 * 512, 0));
    let (status, read, why) = ask(runtime, &reader, 0, WICK_FOREVER);
    assert_eq!((name(status), why.as_str()), ("WICK_OK", ""));
    assert_eq!((read.total_bytes, read.kv_bytes), (said.total_bytes, said.kv_bytes));
    let (_, half, _) = ask(runtime, &data, 256, WICK_FOREVER);
    assert_eq!((half.kv_bytes * 2, half.weight_bytes), (said.kv_bytes, said.weight_bytes));
    let vocabulary = wick_model_options { vocab_only: 1, ..data };
    let (_, said, _) = ask(runtime, &vocabulary, 0, WICK_FOREVER);
    assert_eq!((said.file_bytes, said.total_bytes), (data.data_len as u64, 0));
    let (status, _, why) = ask(runtime, &data, 513, WICK_FOREVER);
    assert_eq!(name(status), "WICK_E_INVALID_ARGUMENT");
    assert!(why.contains("513") && why.contains("512"), "{why}");
    let (status, _, _) = ask(runtime, &data, 0, 0);
    assert_eq!(name(status), "WICK_E_TIMEOUT");
    let both = wick_model_options { io: &io, ..data };
    assert_eq!(name(ask(runtime, &both, 0, WICK_FOREVER).0), "WICK_E_INVALID_ARGUMENT");
    assert_eq!((user.count(), counter.count()), (0, 0));
    shut(runtime);
    assert_eq!(name(ask(runtime, &data, 0, WICK_FOREVER).0), "WICK_E_STALE_HANDLE");
    assert_eq!((user.count(), counter.count()), (0, 0));
}

#[test]
fn wrong_arguments_are_refused_and_out_stays_as_it_was() {
    let runtime = runtime();
    let error = ptr::null_mut();
    let options = wick_model_options { path: text("nowhere.gguf"), ..sized() };
    let (status, said, why) = ask(runtime, &options, 0, WICK_FOREVER);
    assert_eq!((name(status), said.file_bytes), ("WICK_E_IO", 0));
    assert!(why.contains("nowhere.gguf"), "{why}");
    // SAFETY: all pointers are good, or what is tested.
    unsafe {
        let mut said = sized();
        for (options, out) in [
            (ptr::null(), &raw mut said),
            (&raw const options, &mut zeroed()),
            (&raw const options, ptr::null_mut()),
        ] {
            is(wick_model_estimate(runtime, options, 0, 0, out, 0, error), WICK_E_INVALID_ARGUMENT);
        }
        let candle = wick_model_options { backend: 9, ..options };
        is(wick_model_estimate(runtime, &candle, 0, 0, &mut said, 0, error), WICK_E_INVALID_ARGUMENT);
    }
    shut(runtime);
}
