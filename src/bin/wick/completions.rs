//! `wick completions` and `wick man`: what a shell and `man` are told of the command, made from its
//! arguments.

use super::output;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::process::ExitCode;
use wick::{Error, ErrorKind, Result};

#[derive(Args)]
pub struct Completions {
    /// Whose; the output goes to where it looks for completions
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run<C: CommandFactory>(&self) -> Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut C::command(), "wick", &mut script);
        shown(script)
    }
}

#[derive(Args)]
pub struct Man {
    /// The page of this command, such as "run"; without: that of wick
    command: Option<String>,
}

impl Man {
    pub fn run<C: CommandFactory>(&self) -> Result<ExitCode> {
        let wick = C::command();
        let page = match &self.command {
            None => wick.clone(),
            Some(name) => {
                let Some(found) = wick.find_subcommand(name) else {
                    return Err(super::input::wrong(format!("there is no command \"{name}\"")));
                };
                // As it is called; the names of pages are joined with hyphens.
                found.clone().bin_name(format!("wick {name}")).name(leaked(name))
            }
        };
        let mut text = Vec::new();
        let rendered = clap_mangen::Man::new(page).render(&mut text);
        rendered.map_err(|error| Error::new(ErrorKind::Io, format!("the page: {error}")))?;
        shown(text)
    }
}

/// The name of a command's page. clap keeps names that are static; this is said once a process.
fn leaked(name: &str) -> &'static str {
    Box::leak(format!("wick-{name}").into_boxed_str())
}

fn shown(text: Vec<u8>) -> Result<ExitCode> {
    output::write(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
