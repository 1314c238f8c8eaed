//! The `wick` command: reads the arguments and hands over to one file per subcommand; knows the library's public Rust API only.

mod bench;
mod bench_child;
mod bench_event;
mod check;
mod info;
mod model;
mod output;
mod run;
mod selftest;
mod selftest_fake;
mod selftest_real;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An LLM runtime to embed, on the command line.
#[derive(Parser)]
#[command(name = "wick", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Streams a model's answer to standard output
    Run(run::Run),
    /// Shows what a model file holds, without loading it
    Info(info::Info),
    /// Measures load, time to first token, prefill, decode, event overhead and memory: medians of several processes
    Bench(bench::Bench),
    /// Checks that streams end, exactly once, and say why: with a built-in fake model and, if given, a real one
    Selftest(selftest::Selftest),
    /// One process of `wick bench`
    #[command(hide = true)]
    BenchChild(bench_child::BenchChild),
}

fn main() -> ExitCode {
    // A usage error ends here: clap says what is wrong and exits with 2.
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Info(info) => info.run(),
        Command::Bench(bench) => bench.run(),
        Command::Selftest(selftest) => selftest.run(),
        Command::BenchChild(child) => child.run(),
    };
    outcome.unwrap_or_else(|error| {
        output::tell(&format!("wick: {error}"));
        ExitCode::FAILURE
    })
}
