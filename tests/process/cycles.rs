//! Scenario S18: cycles of create, use and destroy. The only test of its process: it measures all of it.
#![cfg(feature = "testing")]
#![allow(clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

use support::scenario::*;
use wick::runtime::{EndReason, Mode};
use wick::testing::Script;

/// Open files and resident KiB of this process.
fn footprint() -> Option<(usize, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident = resident.trim().trim_end_matches("kB").trim().parse().ok()?;
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some((files, resident))
}

#[test]
fn s18_cycles_of_create_use_and_destroy_leave_nothing() {
    let cycles = std::env::var("WICK_CYCLES").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    let cycle = |index: usize| {
        let _watchdog = watchdog();
        let mode = if index.is_multiple_of(2) { Mode::Threads } else { Mode::HostStep };
        let house = house_with(named(mode, "s18cycle"), Script::saying("round and round"));
        assert_eq!(house.answer("Hi").said(), ("round and round", EndReason::Stop));
        if index.is_multiple_of(3) {
            house.close();
        }
    };
    (0..20).for_each(cycle);
    let Some((files, resident)) = footprint() else {
        println!("left out: nothing is measured (no /proc)");
        return;
    };
    (0..cycles).for_each(cycle);
    let (files_after, resident_after) = footprint().unwrap();
    assert_no_threads("s18cycle");
    assert!(files_after <= files, "{files} files before, {files_after} after");
    assert!(resident_after < resident + 16 * 1024, "{resident} KiB before, {resident_after} KiB after");
}
