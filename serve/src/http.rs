//! Connections: taken as long as there are not too many, each served until it closes, is idle, stalls, or the
//! server ends.

use crate::app::App;
use crate::body::{Body, Reply};
use crate::count::Count;
use crate::failure::Failure;
use crate::options::Network;
use crate::routes;
use crate::stall::Stalling;
use async_io::{Async, Timer};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::service_fn;
use smol::future::or;
use smol_hyper::rt::{FuturesIo, SmolTimer};
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use wick::{Error, ErrorKind, Result};

/// Bytes of a response, or of a request's head, that lie in a connection: the rest waits in the stream's
/// credit.
const BUFFER: usize = 16 * 1024;

/// Header lines of a request at most.
const HEADERS: usize = 64;

/// Connections that are told to come later; more are closed without a word.
const REFUSED: usize = 64;

/// How long they have to listen to that.
const REFUSAL: Duration = Duration::from_secs(2);

/// How long to wait when the system gives no connection, for want of files or memory.
const PAUSE: Duration = Duration::from_millis(50);

type Io = FuturesIo<Stalling<Async<TcpStream>>>;

/// Begins to listen.
///
/// # Errors
/// `Io`, naming the address.
pub fn listen(network: &Network) -> Result<(Async<TcpListener>, SocketAddr)> {
    let address = SocketAddr::new(network.host, network.port);
    let failed = |error: std::io::Error| {
        let message = format!("{address} cannot be listened to: {error} (--host, --port)");
        Error::new(ErrorKind::Io, message)
    };
    let listener = Async::<TcpListener>::bind(address).map_err(failed)?;
    let address = listener.get_ref().local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Takes connections, for ever.
pub async fn accept(app: Rc<App>, listener: Async<TcpListener>) {
    let refused = Count::default();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            Timer::after(PAUSE).await;
            continue;
        };
        // An event is a few bytes that somebody waits for.
        let _ = socket.get_ref().set_nodelay(true);
        let io = FuturesIo::new(Stalling::new(socket, app.options.limits.stall()));
        let most = app.options.limits.max_connections as usize;
        match app.connections.enter_below(most) {
            Some(counted) => {
                let serve = serve(app.clone(), io);
                let task = async move {
                    serve.await;
                    drop(counted);
                };
                app.executor.spawn(task).detach();
            }
            None => {
                app.metrics.refused_connection();
                if let Some(counted) = refused.enter_below(REFUSED) {
                    let refuse = or(refuse(app.clone(), io), async {
                        Timer::after(REFUSAL).await;
                    });
                    let task = async move {
                        refuse.await;
                        drop(counted);
                    };
                    app.executor.spawn(task).detach();
                }
            }
        }
    }
}

fn builder(app: &App) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(SmolTimer::new())
        .header_read_timeout(app.options.limits.read())
        .max_buf_size(BUFFER)
        .max_headers(HEADERS);
    builder
}

/// Serves a connection to its end. What goes wrong with it is the client's own affair: what it had asked for
/// is dropped, and so cancelled.
async fn serve(app: Rc<App>, io: Io) {
    let service = service_fn(|request: Request<Incoming>| {
        let app = app.clone();
        async move { Ok::<Reply, Infallible>(routes::answer(&app, request).await) }
    });
    let mut builder = builder(&app);
    // On the way down one request is answered: where a job is read, and whether this server is ready.
    builder.keep_alive(!app.drain.has_begun());
    let mut connection = pin!(builder.serve_connection(io, service));
    let over = or(
        async {
            let _ = connection.as_mut().await;
            true
        },
        async {
            if app.drain.has_begun() {
                std::future::pending::<()>().await;
            }
            app.drain.begun().await;
            false
        },
    )
    .await;
    if !over {
        Connection::graceful_shutdown(connection.as_mut());
        let _ = connection.await;
    }
}

/// Tells a connection's first request that there are too many.
async fn refuse(app: Rc<App>, io: Io) {
    let service = service_fn(|_: Request<Incoming>| async {
        let message = "too many connections (--max-connections); try again";
        let mut reply = Reply::from(Failure::unavailable("too_many_connections", message));
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        Ok::<hyper::Response<Body>, Infallible>(reply)
    });
    let _ = builder(&app).keep_alive(false).serve_connection(io, service).await;
}
