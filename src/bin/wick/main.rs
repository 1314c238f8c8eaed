//! The `wick` command: reads the arguments and hands over to one file per subcommand; knows the library's
//! public Rust API only.

mod bench;
mod bench_child;
mod bench_event;
mod chat;
mod check;
mod commands;
mod completions;
mod converse;
mod form;
mod header;
mod info;
mod input;
mod lines;
mod model;
mod output;
mod render;
mod run;
mod sampling;
mod selftest;
mod selftest_fake;
mod selftest_real;
mod serve;
mod show;
mod talking;
mod tokenize;
mod turns;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use wick::ErrorKind;

/// What a wrong use ends with, as clap has it.
const WRONG_USE: u8 = 2;

/// An LLM runtime to embed, on the command line.
#[derive(Parser)]
#[command(name = "wick", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Streams a model's answer to standard output; without a prompt, on a terminal, holds a conversation
    Run(Box<run::Run>),
    /// Holds a conversation: with a history, several lines a turn, saves (/help)
    Chat(Box<chat::Chat>),
    /// Shows what a model file holds, and whether it runs here: exit 1 if not
    Info(info::Info),
    /// Shows the tokens of a text
    Tokenize(tokenize::Tokenize),
    /// Shows a conversation as the model's chat template writes it
    Render(render::Render),
    /// Measures load, time to first token, prefill, decode, event overhead and memory: medians of several
    /// processes
    Bench(bench::Bench),
    /// Serves a model over HTTP, as OpenAI's API has it: runs the program wick-serve beside this one
    Serve(serve::Serve),
    /// Checks that streams end, exactly once, and say why: with a built-in fake model and, if given, a real
    /// one
    Selftest(selftest::Selftest),
    /// Writes what a shell completes the command by
    Completions(completions::Completions),
    /// Writes the manual page
    Man(completions::Man),
    /// One process of `wick bench`
    #[command(hide = true)]
    BenchChild(bench_child::BenchChild),
}

fn main() -> ExitCode {
    // A usage error that clap sees ends here: it says what is wrong and exits with 2.
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Chat(chat) => chat.run(),
        Command::Info(info) => info.run(),
        Command::Tokenize(tokenize) => tokenize.run(),
        Command::Render(render) => render.run(),
        Command::Bench(bench) => bench.run(),
        Command::Serve(serve) => serve.run(),
        Command::Selftest(selftest) => selftest.run(),
        Command::Completions(completions) => completions.run::<Cli>(),
        Command::Man(man) => man.run::<Cli>(),
        Command::BenchChild(child) => child.run(),
    };
    outcome.unwrap_or_else(|error| {
        output::tell(&format!("wick: {error}"));
        if error.kind() == ErrorKind::InvalidArgument { ExitCode::from(WRONG_USE) } else { ExitCode::FAILURE }
    })
}
