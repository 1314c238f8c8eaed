//! `wick serve`: hands over to the program `wick-serve` that lies beside this one. It is a package of its own
//! (`serve/`), so that nothing here links an HTTP library.

use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use wick::{Error, ErrorKind, Result};

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Serve {
    /// What wick-serve takes: `wick serve --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

impl Serve {
    pub fn run(self) -> Result<ExitCode> {
        let own = std::env::current_exe();
        let own = own.map_err(|error| Error::new(ErrorKind::Io, format!("this program's path: {error}")))?;
        let program = beside(&own);
        if !program.is_file() {
            let message = format!(
                "there is no server at {}: build it with `make serve` in wick's source, or put wick-serve beside wick",
                program.display()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        hand_over(Command::new(&program).args(&self.arguments))
            .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", program.display())))
    }
}

/// The server's place beside the program at `own`.
fn beside(own: &Path) -> PathBuf {
    own.with_file_name(format!("wick-serve{}", std::env::consts::EXE_SUFFIX))
}

/// This process becomes the server, so that signals reach it and its end is its own.
#[cfg(unix)]
fn hand_over(command: &mut Command) -> std::io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(command))
}

#[cfg(not(unix))]
fn hand_over(command: &mut Command) -> std::io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
