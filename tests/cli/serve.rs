//! `wick serve` runs the program that lies beside it, and says how to get it where there is none.

use super::text;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// `wick serve --answer 42`, from a folder of its own with these programs beside it.
fn serve(folder: &Path) -> Output {
    let own = folder.join("wick");
    fs::copy(env!("CARGO_BIN_EXE_wick"), &own).expect("copied");
    Command::new(own).args(["serve", "--answer", "42", "--help"]).output().expect("wick runs")
}

#[test]
fn without_a_server_beside_it_the_way_to_one_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = serve(folder.path());
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("make serve") && told.contains("wick-serve"), "{told}");
    assert!(output.stdout.is_empty());
}

#[cfg(unix)]
#[test]
fn the_server_beside_it_gets_the_arguments_and_has_the_last_word() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let server = folder.path().join("wick-serve");
    fs::write(&server, "#!/bin/sh\necho \"$@\"\nexit 7\n").expect("written");
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).expect("set");
    let output = serve(folder.path());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(7), "--answer 42 --help\n"));
}
