//! A server whose model is on its way, or never comes.

use super::support::{ready, said, saying, start, with};
use serde_json::json;

#[test]
fn h5_while_the_model_loads_it_says_how_far_it_is() {
    let server = start(&with(saying("Hello"), json!({"load_steps": 500, "load_delay_us": 2_000_000})), &[]);
    let loading = server.get("/ready");
    assert_eq!((loading.status, loading.json()["status"].as_str()), (503, Some("loading")));
    assert_eq!(server.get("/health").status, 200);
    let chat = server.post("/v1/chat/completions", &said("Hi"));
    assert_eq!((chat.status, chat.json()["error"]["code"].as_str()), (503, Some("model_loading")));
    assert_eq!(chat.header("retry-after"), Some("1"));
    server.until("the load goes on", || {
        let state = server.get("/ready").json();
        state["status"] == "ready" || state["done"].as_u64() > Some(0) && state["total"] == 500
    });
    server.until("it is ready", || server.get("/ready").status == 200);
    assert_eq!(server.chat(said("Hi")).events().text, "Hello");
}

#[test]
fn h5_a_model_that_cannot_be_loaded_ends_the_server() {
    let script = with(saying("Hello"), json!({"load_error": "as the script says"}));
    assert_eq!(start(&script, &[]).wait().code(), Some(1));
}

#[test]
fn a_server_that_is_told_to_end_while_it_loads_ends() {
    let server =
        start(&with(saying("Hello"), json!({"load_steps": 10_000, "load_delay_us": 100_000_000})), &[]);
    assert_eq!(server.get("/ready").status, 503);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn two_servers_do_not_share_a_port() {
    let server = ready(&saying("Hello"), &[]);
    let port = server.address.port().to_string();
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_wick-serve"))
        .args(["--fake", "{}", "--port", &port])
        .output()
        .expect("wick-serve runs");
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{told}");
    assert!(told.contains(&port) && told.contains("--port"), "{told}");
}
