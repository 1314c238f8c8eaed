//! What each route does, once the request may be answered.

use crate::answer::Answer;
use crate::app::App;
use crate::body::{self, Reply};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::model::Served;
use crate::openai::{self, Asked, Chunks, Told, Vectors, Whole};
use crate::options::Limits;
use crate::sse::Events;
use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};
use wick::{EndReason, EventKind, SessionOptions};

type Result<T> = std::result::Result<T, Failure>;

/// How a request is read.
pub type Read = fn(Fields, &Served, &Limits) -> Result<Asked>;

/// `/health`: the process lives.
pub fn health() -> Reply {
    body::json(StatusCode::OK, &json!({"status": "ok"}))
}

/// `/ready`: whether new work is taken; while the model loads, how far it is.
pub fn ready(app: &App) -> Reply {
    let (status, state) = match (app.model.served(), app.drain.has_begun()) {
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "shutting_down"})),
        (Ok(served), _) => (StatusCode::OK, json!({"status": "ready", "model": *served.name})),
        (Err(load), _) => {
            let state = json!({"status": "loading", "model": app.model.name(), "done": load.done, "total": load.total});
            (StatusCode::SERVICE_UNAVAILABLE, state)
        }
    };
    body::json(status, &state)
}

/// `/metrics`, as Prometheus reads it.
pub fn metrics(app: &App) -> Reply {
    let text = app.metrics.text(&app.now());
    body::whole(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

/// `/v1/models`, and one of them.
///
/// # Errors
/// 404 for a model that is not here; 503 while it loads.
pub fn models(app: &App, name: Option<&str>) -> Result<Reply> {
    let served = app.model.served()?;
    match name {
        None => Ok(body::json(StatusCode::OK, &openai::models(&served))),
        Some(name) if name == &*served.name => Ok(body::json(StatusCode::OK, &openai::model(&served))),
        Some(name) => {
            let message = format!("the model {name:?} is not here; this server has {:?}", served.name);
            let failure = Failure::new(StatusCode::NOT_FOUND, "invalid_request_error", message);
            Err(failure.with_code("model_not_found"))
        }
    }
}

/// `/v1/chat/completions` and `/v1/completions`.
///
/// # Errors
/// What is wrong with the request, or with its generation before it said anything.
pub async fn complete(app: &App, body: &Bytes, read: Read) -> Result<Reply> {
    let (asked, told, mut answer) = start(app, body, read)?;
    let heartbeat = app.options.limits.heartbeat();
    if asked.stream {
        answer.begin(heartbeat).await?;
        return Ok(body::events(Events::new(answer, Chunks::new(told), heartbeat, None)));
    }
    let mut whole = Whole::new(told);
    let end = answer.read(|event| whole.event(&event)).await?;
    Ok(body::json(StatusCode::OK, &whole.end(&end)))
}

fn start(app: &App, body: &Bytes, read: Read) -> Result<(Asked, Told, Answer)> {
    let served = app.open()?;
    let mut asked = read(Fields::parse(body)?, &served, &app.options.limits)?;
    let told = Told::new(&asked, &served);
    let request = std::mem::take(&mut asked.request);
    let answer = Answer::start(app, &served, SessionOptions::default(), request)?;
    Ok((asked, told, answer))
}

/// `/v1/embeddings`.
///
/// # Errors
/// What is wrong with the request or one of its texts; 400 for a model that makes no vectors; 504 if they are
/// not there in time.
pub async fn embeddings(app: &App, body: &Bytes) -> Result<Reply> {
    let served = app.open()?;
    let mut asked = openai::embed(Fields::parse(body)?, &served, &app.options.limits)?;
    let mut vectors = Vectors::new(&asked);
    let mut answer = Answer::embed(app, &served, std::mem::take(&mut asked.request))?;
    let take = |event| {
        if let EventKind::Vector(vector) = event {
            vectors.push(vector.index, &vector.values);
        }
    };
    let end = answer.read(take).await?;
    if end.reason != EndReason::Ready {
        let message = "the vectors were not there in time (deadline_ms, --max-seconds)";
        return Err(Failure::new(StatusCode::GATEWAY_TIMEOUT, "server_error", message).with_code("timeout"));
    }
    Ok(body::json(StatusCode::OK, &vectors.end(&end, &served)?))
}

/// `POST /v1/jobs`: the generation begins, and waits for its reader.
///
/// # Errors
/// What is wrong with the request; 429 if too many jobs wait.
pub fn begin_job(app: &App, body: &Bytes) -> Result<Reply> {
    let limits = &app.options.limits;
    app.jobs.check_room(limits.generations())?;
    let (_, told, answer) = start(app, body, openai::ask)?;
    let id = openai::identity("job-");
    app.jobs.add(id.clone(), answer, Chunks::new(told), limits.job(), &app.executor);
    Ok(body::json(StatusCode::ACCEPTED, &app.jobs.show(&id)?))
}

/// `GET /v1/jobs/ID/stream`.
///
/// # Errors
/// 404, 409.
pub fn read_job(app: &App, id: &str) -> Result<Reply> {
    let (answer, chunks, reading) = app.jobs.take(id)?;
    let heartbeat = app.options.limits.heartbeat();
    Ok(body::events(Events::new(answer, chunks, heartbeat, Some(reading))))
}

/// `GET /v1/jobs/ID`.
///
/// # Errors
/// 404.
pub fn show_job(app: &App, id: &str) -> Result<Reply> {
    app.jobs.show(id).map(|job: Value| body::json(StatusCode::OK, &job))
}

/// `POST /v1/jobs/ID/cancel`.
///
/// # Errors
/// 404.
pub fn cancel_job(app: &App, id: &str) -> Result<Reply> {
    app.jobs.cancel(id).map(|job| body::json(StatusCode::ACCEPTED, &job))
}
