//! What responses are made of: a body that is there whole, or one that comes as events; knows no route.

use crate::failure::Failure;
use crate::sse::Events;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A response's body.
pub enum Body {
    /// All of it.
    Whole(Full<Bytes>),
    /// Server-sent events, as they come.
    Events(Box<Events>),
}

/// What a request is answered with.
pub type Reply = Response<Body>;

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context),
            Self::Events(events) => events.poll_bytes(context).map(|bytes| bytes.map(Frame::data).map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Events(events) => events.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// A whole body of this type.
pub fn whole(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Body::Whole(Full::new(bytes.into())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

/// A JSON body.
pub fn json(status: StatusCode, value: &Value) -> Reply {
    whole(status, "application/json", value.to_string())
}

/// A stream of events, which nobody on the way may keep or hold back.
pub fn events(events: Events) -> Reply {
    let mut reply = Response::new(Body::Events(Box::new(events)));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    reply
}

/// What says that a method is not for this path; `allowed`: the one that is.
pub fn method_not_allowed(allowed: &'static str) -> Reply {
    let message = format!("this path takes {allowed} only");
    let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message);
    let mut reply = Reply::from(failure);
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        let mut reply = json(failure.status, &failure.to_json());
        if let Some(seconds) = failure.retry_after {
            reply.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if failure.status == StatusCode::UNAUTHORIZED {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        reply
    }
}
