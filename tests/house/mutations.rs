//! Scenario S35: the faults that started all this are in the list that scripts/mutations.sh puts into the
//! code and the tests must notice.

use std::path::Path;

#[test]
fn s35_every_fault_that_must_be_noticed_is_put_in_and_noticed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutations");
    let list = std::fs::read_to_string(folder.join("list")).unwrap();
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
    ] {
        assert!(names.contains(&fault), "{fault} is not in tests/mutations/list");
    }
    for name in names {
        let script = std::fs::read_to_string(folder.join(format!("{name}.sh"))).unwrap();
        assert!(script.contains("replace src/"), "{name} changes nothing");
    }
}
