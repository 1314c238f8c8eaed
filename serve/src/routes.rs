//! Which path is what, who may ask it, and what is done then.

use crate::app::App;
use crate::auth::{check_host, check_json};
use crate::body::{Reply, method_not_allowed};
use crate::failure::Failure;
use crate::handlers::{self, Read};
use crate::openai;
use crate::{limits, page};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

type Result<T> = std::result::Result<T, Failure>;

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Page,
    Health,
    Ready,
    Metrics,
    Models,
    Model(&'a str),
    Chat,
    Completions,
    Embeddings,
    Jobs,
    Job(&'a str),
    JobStream(&'a str),
    JobCancel(&'a str),
    Unknown,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        match path {
            "/" => Self::Page,
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/v1/models" => Self::Models,
            "/v1/chat/completions" => Self::Chat,
            "/v1/completions" => Self::Completions,
            "/v1/embeddings" => Self::Embeddings,
            "/v1/jobs" => Self::Jobs,
            _ => match (path.strip_prefix("/v1/models/"), path.strip_prefix("/v1/jobs/")) {
                (Some(name), _) => Self::Model(name),
                (_, Some(rest)) => match rest.split_once('/') {
                    None => Self::Job(rest),
                    Some((id, "stream")) => Self::JobStream(id),
                    Some((id, "cancel")) => Self::JobCancel(id),
                    Some(_) => Self::Unknown,
                },
                _ => Self::Unknown,
            },
        }
    }

    /// For the label of a counter: no part of it is the client's.
    fn label(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Metrics => "/metrics",
            Self::Models => "/v1/models",
            Self::Model(_) => "/v1/models/ID",
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Jobs => "/v1/jobs",
            Self::Job(_) => "/v1/jobs/ID",
            Self::JobStream(_) => "/v1/jobs/ID/stream",
            Self::JobCancel(_) => "/v1/jobs/ID/cancel",
            Self::Unknown => "other",
        }
    }

    /// Whether it begins or ends work, so that it is asked by POST.
    fn is_posted(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Embeddings | Self::Jobs | Self::JobCancel(_))
    }

    /// What load balancers and browsers ask before they have a token.
    fn is_open(self) -> bool {
        matches!(self, Self::Page | Self::Health | Self::Ready)
    }
}

/// The answer to any request.
pub async fn answer(app: &App, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let route = Route::of(&path);
    let reply = match checked(app, route, request).await {
        Ok(reply) => reply,
        Err(failure) => failure.into(),
    };
    app.metrics.answered(route.label(), reply.status());
    reply
}

async fn checked(app: &App, route: Route<'_>, request: Request<Incoming>) -> Result<Reply> {
    // Who brings no token has to be of this machine.
    if app.tokens.is_open() && app.options.network.host.is_loopback() {
        check_host(request.headers())?;
    }
    if !route.is_open() {
        app.tokens.check(request.headers())?;
    }
    if route == Route::Unknown {
        let message = format!("there is no {}", request.uri().path());
        return Err(Failure::new(StatusCode::NOT_FOUND, "invalid_request_error", message));
    }
    match (route.is_posted(), request.method()) {
        (true, &Method::POST) => post(app, route, request).await,
        (true, _) => Ok(method_not_allowed("POST")),
        (false, &Method::GET | &Method::HEAD) => get(app, route),
        (false, _) => Ok(method_not_allowed("GET")),
    }
}

fn get(app: &App, route: Route<'_>) -> Result<Reply> {
    match route {
        Route::Page => Ok(page::page()),
        Route::Health => Ok(handlers::health()),
        Route::Ready => Ok(handlers::ready(app)),
        Route::Metrics => Ok(handlers::metrics(app)),
        Route::Model(name) => handlers::models(app, Some(name)),
        Route::Job(id) => handlers::show_job(app, id),
        Route::JobStream(id) => handlers::read_job(app, id),
        _ => handlers::models(app, None),
    }
}

async fn post(app: &App, route: Route<'_>, request: Request<Incoming>) -> Result<Reply> {
    if let Route::JobCancel(id) = route {
        return handlers::cancel_job(app, id);
    }
    check_json(request.headers())?;
    let body = limits::read(request.into_body(), &app.options.limits).await?;
    let read: Read = match route {
        Route::Embeddings => return handlers::embeddings(app, &body).await,
        Route::Jobs => return handlers::begin_job(app, &body),
        Route::Completions => openai::completion,
        _ => openai::chat,
    };
    handlers::complete(app, &body, read).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_thing() {
        for (path, route) in [
            ("/", Route::Page),
            ("/v1/models/org/name", Route::Model("org/name")),
            ("/v1/jobs/job-1", Route::Job("job-1")),
            ("/v1/jobs/job-1/stream", Route::JobStream("job-1")),
            ("/v1/jobs/job-1/cancel", Route::JobCancel("job-1")),
            ("/v1/jobs/job-1/else", Route::Unknown),
            ("/v1", Route::Unknown),
            ("/v1/chat/completions/", Route::Unknown),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn only_what_says_nothing_of_the_model_is_open() {
        for path in ["/metrics", "/v1/models", "/v1/chat/completions", "/v1/jobs/1/stream", "/nowhere"] {
            assert!(!Route::of(path).is_open(), "{path}");
        }
    }
}
