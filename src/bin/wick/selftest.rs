//! `wick selftest`: runs the checks one after the other under a watchdog, and says how each went; knows not
//! what they check.

use super::check::Check;
use super::model::Computing;
use super::{output, selftest_fake, selftest_real};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wick::{Error, ErrorKind, Result};

/// What the process ends with if a check hangs.
const HUNG: i32 = 3;
/// Bytes of the watchdog's stack: else std would ask the environment.
const WATCHDOG_STACK: usize = 256 << 10;

#[derive(Args)]
pub struct Selftest {
    /// A .gguf file, or a folder, to check as well
    model: Option<PathBuf>,
    /// Seconds after which the process ends with exit code 3, whatever hangs
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..), allow_negative_numbers = true)]
    timeout: u64,
    /// A check that never ends, for the watchdog's own test
    #[arg(long, hide = true)]
    hang: bool,
    #[command(flatten)]
    computing: Computing,
}

impl Selftest {
    pub fn run(self) -> Result<ExitCode> {
        let current = Arc::new(Mutex::new("nothing yet"));
        watch(Duration::from_secs(self.timeout), current.clone())?;
        let mut checks = selftest_fake::checks();
        if let Some(model) = self.model {
            // A file that cannot be loaded is said once.
            self.computing.open(&self.computing.runtime()?, &model)?;
            checks.extend(selftest_real::checks(&model, &self.computing));
        }
        if self.hang {
            checks.push(Check::new("this never ends", || {
                loop {
                    std::thread::park();
                }
            }));
        }
        let (mut failed, count) = (0, checks.len());
        for check in checks {
            *current.lock().unwrap_or_else(PoisonError::into_inner) = check.name;
            match (check.holds)() {
                Ok(()) => output::line(&format!("ok      {}", check.name))?,
                Err(error) => {
                    failed += 1;
                    output::line(&format!("FAILED  {}: {error}", check.name))?;
                }
            }
        }
        output::line(&format!("{} of {count} checks hold", count - failed))?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Ends the process after `limit`: a check that hangs cannot be trusted to end by itself.
fn watch(limit: Duration, current: Arc<Mutex<&'static str>>) -> Result<()> {
    let watchdog = move || {
        std::thread::sleep(limit);
        let check = *current.lock().unwrap_or_else(PoisonError::into_inner);
        output::tell(&format!("wick: after {} s still at: {check}", limit.as_secs()));
        #[allow(clippy::disallowed_methods, reason = "this is the program, not the library")]
        std::process::exit(HUNG);
    };
    let builder = std::thread::Builder::new().name("watchdog".to_owned()).stack_size(WATCHDOG_STACK);
    let started = builder.spawn(watchdog);
    started.map(drop).map_err(|error| Error::new(ErrorKind::OutOfMemory, format!("no watchdog: {error}")))
}
