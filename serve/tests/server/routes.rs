//! What can be asked, and what is refused before anybody looks at it.

use super::support::{ready, said, saying};

#[test]
fn what_a_load_balancer_and_a_client_ask_first() {
    let server = ready(&saying("Hello"), &["--name", "small"]);
    assert_eq!(server.get("/health").json()["status"], "ok");
    assert_eq!(server.get("/ready").json()["model"], "small");
    let models = server.get("/v1/models").json();
    assert_eq!((models["object"].as_str(), models["data"][0]["id"].as_str()), (Some("list"), Some("small")));
    assert_eq!(server.get("/v1/models/small").json()["wick"]["context_length"], 4096);
    assert_eq!(server.get("/v1/models/other").status, 404);
    let page = server.get("/");
    assert!(page.body.starts_with("<!doctype html>"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    for elsewhere in ["http://", "https://", "src=", "@import"] {
        assert!(!page.body.contains(elsewhere), "the page fetches {elsewhere}");
    }
}

#[test]
fn what_is_not_there_is_said_with_the_way_out() {
    let server = ready(&saying("Hello"), &[]);
    assert_eq!(server.get("/v2").status, 404);
    let wrong = server.get("/v1/chat/completions");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    assert_eq!(server.post("/health", &said("Hi")).header("allow"), Some("GET"));
    let other = server
        .post("/v1/chat/completions", &super::support::with(said("Hi"), serde_json::json!({"model": "gpt"})));
    assert_eq!(
        (other.status, other.error().1.as_str()),
        (404, "the model \"gpt\" is not here; this server has \"fake\"")
    );
}

#[test]
fn h7b_a_web_page_elsewhere_cannot_make_a_browser_ask() {
    let server = ready(&saying("Hello"), &[]);
    let chat = said("Hi").to_string();
    // Neither what a form may send…
    let form = server.send("POST", "/v1/chat/completions", "Content-Type: text/plain\r\n", &chat);
    assert_eq!(form.status, 415);
    // … nor under a name that was made to point here.
    let rebound = "Host: evil.example\r\nContent-Type: application/json\r\n";
    assert_eq!(server.send("POST", "/v1/chat/completions", rebound, &chat).status, 403);
    assert_eq!(server.send("GET", "/health", "Host: evil.example\r\n", "").status, 403);
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let server = ready(&saying("Hello, world"), &[]);
    for _ in 0..2 {
        assert_eq!(server.post("/v1/chat/completions", &said("Hi")).status, 200);
    }
    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").expect("a type").starts_with("text/plain; version=0.0.4"));
    for line in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(name.starts_with("wick_") && value.parse::<f64>().is_ok(), "{line}");
    }
    assert_eq!(server.metric("wick_generations_total{end=\"stop\"}"), 2.0);
    assert_eq!(server.metric("wick_http_requests_total{route=\"/v1/chat/completions\",status=\"200\"}"), 2.0);
    assert_eq!(server.metric("wick_time_to_first_token_seconds_count"), 2.0);
    assert_eq!(server.metric("wick_token_gap_seconds_count"), 4.0);
    assert_eq!(server.metric("wick_output_tokens_total"), 6.0);
    assert_eq!(server.metric("wick_ready"), 1.0);
}
