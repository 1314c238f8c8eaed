//! Jobs: asked for in one request, read in another.

use super::support::{Live, Server, endless, ready, said, saying};
use serde_json::{Value, json};

fn begin(server: &Server, asked: &Value) -> String {
    let job = server.post("/v1/jobs", asked);
    assert_eq!((job.status, job.json()["object"].as_str()), (202, Some("job")));
    job.json()["id"].as_str().expect("an id").to_owned()
}

fn read(server: &Server, id: &str) -> Live {
    Live::read(server.request("GET", &format!("/v1/jobs/{id}/stream"), "", ""))
}

#[test]
fn h10_a_job_is_read_where_it_says() {
    let server = ready(&saying("Hello, world"), &[]);
    let job = server.post("/v1/jobs", &said("Hi")).json();
    let path = job["stream"].as_str().expect("an address").to_owned();
    let told = Live::read(server.request("GET", &path, "", "")).events();
    assert_eq!((told.text.as_str(), told.finish.as_deref()), ("Hello, world", Some("stop")));
    server.until("it is gone", || server.get(&path).status == 404);
    assert_eq!(server.metric("wick_jobs"), 0.0);
    // Also of the other form.
    let id = begin(&server, &json!({"prompt": "Hi"}));
    assert_eq!(read(&server, &id).events().events[0]["object"], "text_completion");
}

#[test]
fn h3_a_job_that_nobody_reads_pauses() {
    let server = ready(&json!({"reply": "word", "endless": true, "context_length": 1 << 24}), &[]);
    let id = begin(&server, &said("Hi"));
    let made = || server.get(&format!("/v1/jobs/{id}")).json()["output_tokens"].as_u64().expect("a number");
    server.until("it has begun", || made() > 60);
    let before = made();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let after = made();
    assert!(after - before < 8 && after < 80, "{before} tokens, then {after}, and nobody reads");
    // What waited is there.
    let mut stream = read(&server, &id);
    stream.some(200);
    stream.leave();
    server.until("it is gone", || server.get(&format!("/v1/jobs/{id}")).status == 404);
}

#[test]
fn h10_a_job_has_one_reader_and_goes_with_it() {
    let server = ready(&endless(), &[]);
    let id = begin(&server, &said("Hi"));
    let mut first = read(&server, &id);
    first.some(2);
    assert_eq!(read(&server, &id).status, 409);
    assert_eq!(server.get(&format!("/v1/jobs/{id}")).json()["is_read"], true);
    first.leave();
    server.until("it is cancelled", || server.metric("wick_generations_total{end=\"left\"}") == 1.0);
    server.until("it is gone", || server.metric("wick_jobs") == 0.0);
}

#[test]
fn h10_a_cancelled_job_says_so_to_its_reader() {
    let server = ready(&endless(), &[]);
    for is_read in [true, false] {
        let id = begin(&server, &said("Hi"));
        let cancel = || server.send("POST", &format!("/v1/jobs/{id}/cancel"), "", "");
        let told = match is_read {
            true => {
                let mut stream = read(&server, &id);
                let first = stream.some(2);
                assert_eq!(cancel().status, 202);
                super::support::Told::of(&(first + &stream.whole().body))
            }
            false => {
                assert_eq!(cancel().status, 202);
                read(&server, &id).events()
            }
        };
        assert_eq!(told.finish.as_deref(), Some("cancelled"));
        server.until("it is gone", || cancel().status == 404);
    }
}

#[test]
fn h10_a_job_waits_for_its_reader_not_for_ever() {
    let server = ready(&endless(), &["--job-seconds", "1"]);
    let id = begin(&server, &said("Hi"));
    let held = begin(&server, &said("Hi"));
    let mut stream = read(&server, &held);
    server.until("the one is gone", || server.get(&format!("/v1/jobs/{id}")).status == 404);
    stream.some(3);
    assert_eq!(server.get(&format!("/v1/jobs/{held}")).status, 200);
    stream.leave();
}

#[test]
fn there_are_as_many_jobs_as_generations() {
    let server = ready(&saying("Hello"), &["--parallel", "2", "--queue", "1"]);
    let ids: Vec<String> = (0..3).map(|_| begin(&server, &said("Hi"))).collect();
    let refused = server.post("/v1/jobs", &said("Hi"));
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (429, Some("queue_full")));
    assert_eq!(read(&server, &ids[1]).events().text, "Hello");
    server.until("there is room", || server.post("/v1/jobs", &said("Hi")).status == 202);
}

#[test]
fn what_is_wrong_with_a_job_is_said_at_once() {
    let server = ready(&saying("Hello"), &[]);
    assert_eq!(server.post("/v1/jobs", &json!({"messages": []})).status, 400);
    assert_eq!(server.post("/v1/jobs", &json!({})).error().0, "prompt");
    assert_eq!(server.get("/v1/jobs/job-none").status, 404);
    assert_eq!(server.get("/v1/jobs/job-none/stream").status, 404);
    assert_eq!(server.metric("wick_jobs"), 0.0);
}
