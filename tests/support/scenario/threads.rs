//! The threads of this process, told apart by the names that runtimes give them.

use super::options;
use std::time::Duration;
use wick::runtime::{Mode, RuntimeOptions};

/// Names of this process's threads that begin with `prefix`; `None` where the system does not tell.
pub fn threads(prefix: &str) -> Option<Vec<String>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    Some(names.filter(|name| name.starts_with(prefix)).collect())
}

pub fn assert_no_threads(prefix: &str) {
    // The system lists a thread for a moment after it was joined.
    for _ in 0..1000 {
        match threads(prefix) {
            Some(names) if names.is_empty() => return,
            Some(_) => std::thread::sleep(Duration::from_millis(10)),
            None => return println!("left out: the threads are not counted (no /proc)"),
        }
    }
    assert_eq!(threads(prefix), Some(Vec::new()));
}

pub fn named(mode: Mode, name: &str) -> RuntimeOptions {
    RuntimeOptions { threads: 3, thread_name: name.to_owned(), ..options(mode) }
}
