//! Executor, threads and commands; the public Rust API.
