//! `wick-serve`: an OpenAI-compatible HTTP server on wick. Reads the arguments and hands over to `server`.
//!
//! One thread does all of HTTP; the model is computed on the runtime's own threads. docs/serve.md tells what
//! a client sees.

mod answer;
mod app;
mod auth;
mod body;
mod count;
mod drain;
mod failure;
mod fields;
mod handlers;
mod http;
mod jobs;
mod limits;
mod metrics;
mod model;
mod openai;
mod options;
mod page;
mod routes;
mod server;
mod sse;
mod stall;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use wick::ErrorKind;

/// What a wrong use ends with, as clap has it.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    // A usage error that clap sees ends here: it says what is wrong and exits with 2.
    match server::run(options::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "wick-serve: {error}");
            let wrong = error.kind() == ErrorKind::InvalidArgument;
            if wrong { ExitCode::from(WRONG_USE) } else { ExitCode::FAILURE }
        }
    }
}
