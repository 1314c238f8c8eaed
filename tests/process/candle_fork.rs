//! A forked child has none of candle's threads: there a load is refused, where it would wait for ever.
#![cfg(all(feature = "candle", feature = "testing", unix))]
#![allow(unsafe_code, reason = "fork")]

#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};
use support::candle::small::small;
use support::candle::{feed, load_bytes};
use wick::error::ErrorKind;
use wick::model::candle::Options;

#[test]
fn a_child_is_refused() {
    let model = || small("llama").bytes();
    let mut decoder = load_bytes(model(), &Options::default()).expect("a supported model");
    let sequence = decoder.open(64).expect("room");
    feed(&mut decoder, sequence, &[1, 2, 3]);
    // SAFETY: the child only loads, whose locks are no other thread's of this program, and leaves by _exit.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        let refused = load_bytes(model(), &Options::default()).err();
        let as_it_must = refused.is_some_and(|error| error.kind() == ErrorKind::Unsupported);
        // SAFETY: ends the child without the parent's cleaning up.
        unsafe { libc::_exit(i32::from(!as_it_must)) };
    }
    let until = Instant::now() + Duration::from_secs(300);
    let mut status = 0;
    // SAFETY: our own child and a place for its status.
    while unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == 0 {
        if Instant::now() > until {
            // SAFETY: our own child, which has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child: {status:#x}");
    // The parent goes on.
    assert!(load_bytes(model(), &Options::default()).is_ok());
}
