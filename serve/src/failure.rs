//! What went wrong, as a client of the OpenAI API reads it; knows no route.

use hyper::StatusCode;
use serde_json::{Value, json};
use wick::{Error, ErrorKind};

/// An answer that says what is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The HTTP status.
    pub status: StatusCode,
    /// OpenAI's `type`: the kind, for programs.
    pub kind: &'static str,
    /// OpenAI's `code`: which of its kind; null where the kind says it all.
    pub code: Option<&'static str>,
    /// The field that is wrong.
    pub param: Option<String>,
    /// The thing, the value and the way out.
    pub message: String,
    /// Seconds after which it is worth another try.
    pub retry_after: Option<u32>,
}

impl Failure {
    /// A failure without code and field.
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into(), retry_after: None }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 400 because of the field `param`.
    pub fn field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::bad(message) }
    }

    /// 503: worth another try in a second.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message).with_code(code).again_in(1)
    }

    /// The same with a code.
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The same, worth another try after so many seconds.
    pub fn again_in(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The body: OpenAI's error object.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.message().to_owned();
        let (status, kind, code) = match error.kind() {
            ErrorKind::InvalidArgument => (400, "invalid_request_error", "invalid_argument"),
            ErrorKind::ContextFull => (400, "invalid_request_error", "context_length_exceeded"),
            ErrorKind::Unsupported => (400, "invalid_request_error", "unsupported"),
            ErrorKind::Template => (400, "invalid_request_error", "template"),
            ErrorKind::Tokenizer => (400, "invalid_request_error", "tokenizer"),
            ErrorKind::Grammar => (400, "invalid_request_error", "grammar"),
            ErrorKind::QueueFull => (429, "rate_limit_error", "queue_full"),
            ErrorKind::Busy => (503, "server_error", "busy"),
            ErrorKind::OutOfMemory => (503, "server_error", "out_of_memory"),
            ErrorKind::Shutdown => (503, "server_error", "shutdown"),
            ErrorKind::Timeout => (504, "server_error", "timeout"),
            ErrorKind::Numeric => (500, "server_error", "numeric"),
            _ => (500, "server_error", "internal"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let again = matches!(status.as_u16(), 429 | 503).then_some(1);
        Self { retry_after: again, ..Self::new(status, kind, message).with_code(code) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_library_keeps_its_words() {
        let failure = Failure::from(Error::new(ErrorKind::QueueFull, "272 generations are live"));
        assert_eq!((failure.status.as_u16(), failure.retry_after), (429, Some(1)));
        let json = failure.to_json();
        assert_eq!(json["error"]["message"], "272 generations are live");
        assert_eq!(json["error"]["code"], "queue_full");
        assert!(json["error"]["param"].is_null());
    }
}
