//! Another Rust static library, with a std, a panic and threads of its own, in the same program as wick's.
#![crate_type = "staticlib"]

/// 7, by way of a caught panic and a thread.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_seven() -> i32 {
    let panicked = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(3))).is_err();
    std::thread::spawn(move || if panicked { 7 } else { 0 }).join().unwrap_or(0)
}
