//! Scenario S35: the faults that started all this are in the list that scripts/mutations.sh puts into the
//! code and the tests must notice.

use crate::files::read;

#[test]
fn s35_every_fault_that_must_be_noticed_is_put_in_and_noticed() {
    let list = read("tests/mutations/list");
    let names: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for fault in [
        "chained-narration",
        "leaked-sender",
        "swallowed-error",
        "swallowed-engine-error",
        "discarded-join-handle",
        "unhandled-engine-panic",
        "end-before-last-text",
        "kv-shared-tail",
        "kv-evicted-in-use",
        "whole-prefix",
    ] {
        assert!(names.contains(&fault), "{fault} is not in tests/mutations/list");
    }
    for name in names {
        let script = read(&format!("tests/mutations/{name}.sh"));
        assert!(script.contains("replace src/"), "{name} changes nothing");
    }
}
