//! The program's life: it listens, loads its model, serves, and ends when it is told to.

use crate::app::App;
use crate::auth::Tokens;
use crate::http;
use crate::model::{Place, Served};
use crate::options::Options;
use async_io::Timer;
use async_signal::{Signal, Signals};
use smol::LocalExecutor;
use smol::future::or;
use smol::stream::StreamExt;
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use wick::{Error, ErrorKind, Reading, Result, Runtime, Stream};

/// How long the runtime has to end what still runs, and clients to read that end.
const LAST: Duration = Duration::from_secs(5);

/// Writes a line to standard error, if somebody reads it.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// What keeps it from listening; the load's error.
pub fn run(options: Options) -> Result<()> {
    let model = options.source.model()?;
    let tokens = Tokens::read(options.network.token_file.as_deref())?;
    let (listener, address) = http::listen(&options.network)?;
    let runtime = Runtime::new(options.runtime())?;
    let (model, loading) = runtime.load(model, Reading::default())?;
    let executor = Rc::new(LocalExecutor::new());
    let app = Rc::new(App {
        model: Place::new(&options.source.name(), model),
        executor: executor.clone(),
        runtime: runtime.clone(),
        tokens,
        metrics: Rc::default(),
        jobs: Rc::default(),
        drain: crate::drain::Drain::default(),
        connections: crate::count::Count::default(),
        answers: crate::count::Count::default(),
        options,
    });
    greet(&app, address)?;
    let signals = Signals::new([Signal::Term, Signal::Int])
        .map_err(|error| Error::new(ErrorKind::Io, format!("signals cannot be seen: {error}")))?;
    let outcome = async_io::block_on(executor.run(async {
        executor.spawn(http::accept(app.clone(), listener)).detach();
        live(&app, loading, signals).await
    }));
    runtime.shutdown(Some(LAST))?;
    outcome
}

/// Says where it is to be found, on standard output: so a script can know the port.
fn greet(app: &App, address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout();
    let written = writeln!(out, "wick-serve: listening on http://{address}").and_then(|()| out.flush());
    if !address.ip().is_loopback() && app.tokens.is_open() {
        tell(
            "wick-serve: anybody who reaches this address may ask; --token-file lets in only those with a token",
        );
    }
    written.map_err(|error| Error::new(ErrorKind::Io, format!("standard output: {error}")))
}

async fn live(app: &App, loading: Stream, mut signals: Signals) -> Result<()> {
    let load = async {
        let served = app.model.load(loading).await?;
        tell(&ready(&served));
        std::future::pending::<Result<()>>().await
    };
    or(load, async {
        signals.next().await;
        Ok(())
    })
    .await?;
    or(drain(app), async {
        // Told twice: at once.
        signals.next().await;
    })
    .await;
    end(app).await;
    Ok(())
}

fn ready(served: &Served) -> String {
    let spec = &served.info.spec;
    format!(
        "wick-serve: {} is ready ({}, {} tokens of context)",
        served.name, spec.architecture, spec.context_length
    )
}

/// Takes no new work, and waits for what is under way, not for ever.
async fn drain(app: &App) {
    app.drain.begin();
    let answers = app.answers.get();
    if answers > 0 {
        tell(&format!("wick-serve: shutting down; {answers} answers are under way"));
    }
    or(app.answers.none(), async {
        Timer::after(app.options.limits.drain()).await;
    })
    .await;
}

/// Ends what is still under way, and waits until its clients have read that.
async fn end(app: &App) {
    app.drain.begin();
    // Its streams end within a slice, and then say so.
    if app.answers.get() > 0 {
        let _ = app.runtime.shutdown(Some(LAST));
    }
    or(app.connections.none(), async {
        Timer::after(LAST).await;
    })
    .await;
}
