//! A client that goes away in the middle: its generation ends, whatever it was waiting for.

use super::support::{Live, Server, endless, ready, said, with};
use serde_json::{Value, json};
use std::io::Write;

const CHAT: &str = "/v1/chat/completions";

fn left(server: &Server) -> f64 {
    server.metric("wick_generations_total{end=\"left\"}")
}

fn all_gone(server: &Server, count: usize) {
    server.until("what was left is cancelled", || left(server) == count as f64);
    server.until("nothing runs", || {
        server.metric("wick_generations_running") + server.metric("wick_generations_waiting") == 0.0
    });
}

#[test]
fn h2_one_that_reads_a_stream() {
    let server = ready(&endless(), &[]);
    let mut stream = server.chat(said("Hi"));
    stream.some(3);
    stream.leave();
    all_gone(&server, 1);
}

#[test]
fn h2_one_that_waits_for_a_whole_answer() {
    let server = ready(&endless(), &[]);
    let body = said("Hi").to_string();
    let socket = server.request("POST", CHAT, "Content-Type: application/json\r\n", &body);
    server.until("it runs", || server.metric("wick_generations_running") == 1.0);
    drop(socket);
    all_gone(&server, 1);
}

#[test]
fn h2_one_that_waits_in_line() {
    let server = ready(&endless(), &["--parallel", "1"]);
    let mut first = server.chat(said("Hi"));
    first.some(2);
    let body = with(said("Hi"), json!({"stream": true})).to_string();
    let second = server.request("POST", CHAT, "Content-Type: application/json\r\n", &body);
    server.until("it waits", || server.metric("wick_generations_waiting") == 1.0);
    drop(second);
    server.until("it is gone", || left(&server) == 1.0);
    assert_eq!(server.metric("wick_generations_running"), 1.0);
    first.leave();
    all_gone(&server, 2);
}

#[test]
fn h2_one_whose_prompt_is_still_read() {
    let slow = with(endless(), json!({"prefill_delay_us": 100_000, "max_tokens": 1}));
    let server = ready(&slow, &[]);
    let body = with(said(&"x".repeat(1000)), json!({"stream": true})).to_string();
    let socket = server.request("POST", CHAT, "Content-Type: application/json\r\n", &body);
    server.until("it runs", || server.metric("wick_generations_running") == 1.0);
    drop(socket);
    all_gone(&server, 1);
}

/// WICK_KILLS (40): how many clients.
#[test]
fn h2b_many_one_after_the_other_and_nothing_stays() {
    let server = ready(&endless(), &[]);
    let kills = std::env::var("WICK_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(40);
    let asked: Value = with(said("Hi"), json!({"stream": true}));
    for kill in 0..kills {
        let mut stream = server.stream(CHAT, &asked);
        assert_eq!(stream.status, 200);
        stream.some(1 + kill % 5);
        // By turns with the rest of the answer unread, which resets the connection, and in order.
        if kill % 2 == 0 { drop(stream) } else { stream.leave() }
    }
    all_gone(&server, kills);
    assert_eq!(server.metric("wick_jobs"), 0.0);
    server.until("no connection is left but this", || server.metric("wick_connections") == 1.0);
    assert_eq!(
        server.chat(with(said("Hi"), json!({"max_tokens": 2}))).events().finish.as_deref(),
        Some("length")
    );
}

/// What it sent ahead hides its end from who only reads, so that the next write has to tell.
#[test]
fn h2_one_that_had_sent_its_next_request_already() {
    let server = ready(&endless(), &[]);
    let body = with(said("Hi"), json!({"stream": true})).to_string();
    let one = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = server.connect();
    socket.write_all(one.repeat(2).as_bytes()).expect("sent");
    server.until("it runs", || server.metric("wick_generations_running") == 1.0);
    drop(socket);
    all_gone(&server, 1);
}

#[test]
fn one_that_asks_twice_at_once_is_answered_twice() {
    let server = ready(&super::support::saying("Hello"), &[]);
    let body = said("Hi").to_string();
    let length = body.len();
    let one = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    );
    let mut socket = server.connect();
    socket
        .write_all(format!("{one}\r\n{body}{one}Connection: close\r\n\r\n{body}").as_bytes())
        .expect("sent");
    let mut all = String::new();
    std::io::Read::read_to_string(&mut socket, &mut all).expect("read");
    assert_eq!(all.matches("\"content\":\"Hello\"").count(), 2, "{all}");
    assert_eq!(Live::read(server.request("GET", "/health", "", "")).status, 200);
}
