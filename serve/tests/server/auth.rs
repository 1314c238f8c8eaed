//! Who may ask.

use super::support::{Live, ready, said, saying};
use std::io::Write;

#[test]
fn h7_without_a_token_nothing_of_the_model_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"first-token\nsecond-token\n").expect("written");
    let server = ready(&saying("Hello"), &["--token-file", file.path().to_str().expect("UTF-8")]);
    for path in ["/v1/models", "/metrics", "/v1/jobs/1", "/nowhere"] {
        let refused = server.get(path);
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")), "{path}");
    }
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/").status, 200);
    let ask = |token: &str| {
        let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
        server.send("POST", "/v1/chat/completions", &headers, &said("Hi").to_string()).status
    };
    assert_eq!((ask("first-token"), ask("second-token"), ask("third-token")), (200, 200, 401));
    // With a token it may come from anywhere, under any name.
    let elsewhere = "Host: wick.example\r\nAuthorization: Bearer first-token\r\n";
    assert_eq!(server.send("GET", "/v1/models", elsewhere, "").status, 200);
}

#[test]
fn a_refused_body_is_not_waited_for() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"token\n").expect("written");
    let server = ready(&saying("Hello"), &["--token-file", file.path().to_str().expect("UTF-8")]);
    let mut socket = server.connect();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
    socket.write_all(head.as_bytes()).expect("sent");
    assert_eq!(Live::read(socket).status, 401);
}
