//! What a client may take: bytes, time, connections, generations; and what becomes of one that takes nothing.

use super::support::{Live, endless, ready, said, saying, with};
use serde_json::json;
use std::io::{Read, Write};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn h6_a_body_may_be_so_long() {
    let server = ready(&json!({"reply": "Hello", "context_length": 1 << 20}), &["--max-body", "4"]);
    let long = server.post(CHAT, &said(&"x".repeat(5000)));
    assert_eq!((long.status, long.error().1.contains("--max-body")), (413, true));
    assert_eq!(server.post(CHAT, &said(&"x".repeat(3000))).status, 200);
    // Without a length, too.
    let mut socket = server.connect();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).expect("sent");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    socket.write_all(chunk.repeat(2).as_bytes()).expect("sent");
    assert_eq!(Live::read(socket).status, 413);
}

#[test]
fn h6_a_head_and_a_body_may_take_so_long() {
    let server = ready(&saying("Hello"), &["--read-seconds", "1"]);
    let mut head = server.connect();
    head.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc").expect("sent");
    let mut rest = Vec::new();
    head.read_to_end(&mut rest).expect("closed");
    let body = server.request("POST", CHAT, "Content-Type: application/json\r\nX-Length: next\r\n", "");
    drop(body);
    let mut body = server.connect();
    let sent = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    body.write_all(sent.as_bytes()).expect("sent");
    assert_eq!(Live::read(body).status, 408);
    // A connection on which nothing is asked any more.
    let mut idle = server.connect();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut all = String::new();
    idle.read_to_string(&mut all).expect("closed");
    assert!(all.contains("200 OK"), "{all}");
}

#[test]
fn h6_there_may_be_so_many_connections() {
    let server = ready(&saying("Hello"), &["--max-connections", "2"]);
    let held: Vec<_> = (0..2).map(|_| server.connect()).collect();
    server.until("too many are refused", || {
        let reply = server.get("/health");
        reply.status == 503 && reply.json()["error"]["code"] == "too_many_connections"
    });
    drop(held);
    server.until("there is room again", || server.get("/health").status == 200);
    assert!(server.metric("wick_refused_connections_total") >= 1.0);
}

#[test]
fn h6_there_may_be_so_many_generations() {
    let server = ready(&endless(), &["--parallel", "1", "--queue", "1"]);
    let mut first = server.chat(said("Hi"));
    first.some(2);
    let waiting = server.request(
        "POST",
        CHAT,
        "Content-Type: application/json\r\n",
        &with(said("Hi"), json!({"stream": true})).to_string(),
    );
    server.until("the second waits", || server.metric("wick_generations_waiting") == 1.0);
    let third = server.post(CHAT, &said("Hi"));
    assert_eq!((third.status, third.json()["error"]["code"].as_str()), (429, Some("queue_full")));
    assert!(third.header("retry-after").is_some());
    first.leave();
    // The second has the place of the first.
    let mut second = Live::read(waiting);
    second.some(2);
    second.leave();
}

#[test]
fn an_answer_may_be_so_long() {
    let server = ready(&endless(), &["--max-tokens", "5"]);
    for asked in [said("Hi"), with(said("Hi"), json!({"max_tokens": 100}))] {
        let answer = server.post(CHAT, &asked).json();
        assert_eq!(
            (answer["usage"]["completion_tokens"].as_u64(), answer["choices"][0]["finish_reason"].as_str()),
            (Some(5), Some("length"))
        );
    }
    let answer = server.post(CHAT, &with(said("Hi"), json!({"max_tokens": 3}))).json();
    assert_eq!(answer["usage"]["completion_tokens"], 3);
}

#[test]
fn a_generation_may_take_so_long() {
    let server = ready(&endless(), &["--max-seconds", "1"]);
    let told = server.chat(said("Hi")).events();
    assert_eq!(told.figures()["end_reason"], "deadline");
}

#[test]
fn h3_a_client_that_takes_nothing_is_waited_for_and_then_gone() {
    let script = json!({"reply": "word", "endless": true, "context_length": 1 << 24});
    let server = ready(&script, &["--stall-seconds", "1"]);
    let mut stalled = server.chat(said("Hi"));
    stalled.some(2);
    // From here on nothing is read: the connection fills up, then the generation pauses, then it ends.
    server.until("it counts as gone", || server.metric("wick_generations_total{end=\"left\"}") == 1.0);
    server.until("nothing runs", || server.metric("wick_generations_running") == 0.0);
    drop(stalled);
}
