//! Who may ask: bearer tokens, compared in constant time, and, where nobody needs one, whom a browser may be
//! sent by; knows no route.

use crate::failure::Failure;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, StatusCode};
use std::net::IpAddr;
use std::path::Path;
use subtle::ConstantTimeEq;
use wick::{Error, ErrorKind};

/// The tokens that let a client in.
#[derive(Default)]
pub struct Tokens(Vec<Vec<u8>>);

impl Tokens {
    /// The lines of a file; none without one.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read; `InvalidArgument` for one without a token.
    pub fn read(path: Option<&Path>) -> wick::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let failed = |error| Error::new(ErrorKind::Io, format!("--token-file {}: {error}", path.display()));
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?)
            .map_err(|error| error.within(format!("--token-file {}", path.display())))
    }

    fn parse(text: &str) -> wick::Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let tokens: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).collect();
        if tokens.is_empty() {
            let why = "no token in it; write one on a line, or leave the option out";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        Ok(Self(tokens))
    }

    /// Whether everybody may ask.
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// 401 without one of the tokens.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if self.is_open() || bearer(headers).is_some_and(|given| self.knows(given)) {
            return Ok(());
        }
        let message = "no valid token: send the header `Authorization: Bearer TOKEN`";
        Err(Failure::new(StatusCode::UNAUTHORIZED, "authentication_error", message)
            .with_code("invalid_api_key"))
    }

    /// Looks at all of them, whichever it is: the time tells at most how long they are.
    fn knows(&self, given: &[u8]) -> bool {
        let known = |sum: subtle::Choice, token: &Vec<u8>| sum | token.ct_eq(given);
        self.0.iter().fold(subtle::Choice::from(0), known).into()
    }
}

/// The token that a client brings; the scheme's letters may be of either case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// A web page may make its reader's browser ask this machine under a name of the page's own (DNS rebinding):
/// where only this machine is listened to and no token is asked for, the name has to be this machine's.
///
/// # Errors
/// 403 for another name.
pub fn check_host(headers: &HeaderMap) -> Result<(), Failure> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.split(':').next().unwrap_or_default(),
    };
    let own = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if own {
        return Ok(());
    }
    let message = format!(
        "the Host header says {host:?}; without a token only this machine may ask, as localhost or by its address (--token-file)"
    );
    Err(Failure::new(StatusCode::FORBIDDEN, "permission_error", message).with_code("host"))
}

/// A web page of another origin may send any text unasked, but no JSON: so only JSON is taken.
///
/// # Errors
/// 415 for another type.
pub fn check_json(headers: &HeaderMap) -> Result<(), Failure> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message =
        format!("the Content-Type is {kind:?}; send JSON with the header `Content-Type: application/json`");
    Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn with(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header"))])
    }

    #[test]
    fn a_token_has_to_be_one_of_the_file_whole() {
        let tokens = Tokens::parse("first\n\n  second \n").expect("tokens");
        for good in ["Bearer first", "bearer second", "BEARER  second "] {
            tokens.check(&with(AUTHORIZATION, good)).expect(good);
        }
        for bad in ["Bearer firs", "Bearer first2", "Bearer ", "Basic first", "first", "Bearer second third"]
        {
            assert_eq!(
                tokens.check(&with(AUTHORIZATION, bad)).expect_err(bad).status,
                StatusCode::UNAUTHORIZED
            );
        }
        assert!(tokens.check(&HeaderMap::new()).is_err());
        assert!(Tokens::default().check(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn a_file_without_a_token_would_let_everybody_in() {
        assert!(Tokens::parse(" \n\n").is_err());
    }

    #[test]
    fn another_name_than_this_machines_is_refused() {
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.8.8.8", "[::1]:8080"] {
            check_host(&with(HOST, good)).expect(good);
        }
        for bad in ["evil.example", "localhost.evil.example:8080", "10.0.0.1", "[2001:db8::1]:80", ""] {
            assert!(check_host(&with(HOST, bad)).is_err(), "{bad}");
        }
        assert!(check_host(&HeaderMap::new()).is_err());
    }

    #[test]
    fn only_json_is_taken() {
        check_json(&with(CONTENT_TYPE, "application/json; charset=utf-8")).expect("JSON");
        for bad in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
            assert!(check_json(&with(CONTENT_TYPE, bad)).is_err(), "{bad}");
        }
    }
}
