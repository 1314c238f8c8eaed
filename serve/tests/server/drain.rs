//! The way down: what is under way is finished, or told that it is not.

use super::support::{Live, endless, ready, said, saying, with};
use serde_json::json;

#[test]
fn h8_an_answer_under_way_is_finished_and_nothing_new_begun() {
    let script = json!({"reply": "word ".repeat(100), "delay_us": 20_000});
    let server = ready(&script, &[]);
    let mut stream = server.chat(said("Hi"));
    let first = stream.some(2);
    server.signal("TERM");
    server.until("it is on its way down", || server.get("/ready").status == 503);
    assert_eq!(server.get("/ready").json()["status"], "shutting_down");
    let refused = server.post("/v1/chat/completions", &said("Hi"));
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (503, Some("shutting_down")));
    let told = super::support::Told::of(&(first + &stream.whole().body));
    assert_eq!((told.text, told.finish.as_deref()), ("word ".repeat(100), Some("stop")));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn h8_a_job_that_was_taken_is_still_to_be_read() {
    let server = ready(&saying("Hello"), &[]);
    let job = server.post("/v1/jobs", &said("Hi")).json();
    server.signal("TERM");
    server.until("it is on its way down", || server.get("/ready").status == 503);
    let told =
        Live::read(server.request("GET", job["stream"].as_str().expect("an address"), "", "")).events();
    assert_eq!(told.text, "Hello");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn h8_what_takes_too_long_is_told_that_it_is_not_finished() {
    let server = ready(&endless(), &["--drain-seconds", "1"]);
    let mut streams: Vec<Live> = (0..4).map(|_| server.chat(said("Hi"))).collect();
    let first: Vec<String> = streams.iter_mut().map(|stream| stream.some(2)).collect();
    let body = said("Hi").to_string();
    let whole = server.request("POST", "/v1/chat/completions", "Content-Type: application/json\r\n", &body);
    server.until("all run", || server.metric("wick_generations_running") == 5.0);
    server.signal("TERM");
    for (stream, first) in streams.into_iter().zip(first) {
        let told = super::support::Told::of(&(first + &stream.whole().body));
        assert_eq!(told.finish, None);
        assert!(told.error.expect("an error").contains("shut down"));
    }
    assert_eq!(Live::read(whole).whole().status, 503);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn h8_told_twice_it_does_not_wait() {
    let server = ready(&endless(), &["--drain-seconds", "3600"]);
    let mut stream = server.chat(said("Hi"));
    let first = stream.some(2);
    server.signal("INT");
    server.until("it is on its way down", || server.get("/ready").status == 503);
    server.signal("INT");
    let told = super::support::Told::of(&(first + &stream.whole().body));
    assert!(told.error.is_some());
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn h8b_a_server_that_is_killed_leaves_no_client_waiting() {
    let server = ready(&endless(), &[]);
    let mut stream = server.chat(with(said("Hi"), json!({"max_tokens": 1_000_000})));
    stream.some(2);
    server.signal("KILL");
    let mut rest = Vec::new();
    let read = std::io::Read::read_to_end(&mut stream.socket(), &mut rest);
    // An end without [DONE], or a reset: an error either way, at once.
    assert!(read.is_err() || !String::from_utf8_lossy(&rest).contains("[DONE]"));
}
