//! A server of its own for each test, and a client that sees every byte.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long something may take that is sure to come. Never what a test measures.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A server with a fake model; killed when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

/// A server whose model says what `script` says, with these arguments.
pub fn start(script: &Value, arguments: &[&str]) -> Server {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wick-serve"))
        .args(["--fake", &script.to_string(), "--port", "0", "--threads", "1"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("wick-serve runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let address = line.trim().rsplit("http://").next().and_then(|address| address.parse().ok());
    Server { address: address.unwrap_or_else(|| panic!("no address in {line:?}")), child }
}

/// As [`start`], once the model is loaded.
pub fn ready(script: &Value, arguments: &[&str]) -> Server {
    let server = start(script, arguments);
    server.until("it is ready", || server.get("/ready").status == 200);
    server
}

/// A model that says `reply`, in tokens of four bytes.
pub fn saying(reply: &str) -> Value {
    json!({"reply": reply})
}

/// A model that never comes to an end.
pub fn endless() -> Value {
    json!({"reply": "word", "endless": true, "delay_us": 500, "context_length": 1 << 24})
}

/// A chat request with one message.
pub fn said(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}], "temperature": 0})
}

/// `request` with more fields.
pub fn with(mut request: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    request.as_object_mut().expect("an object").extend(more);
    request
}

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// What an error says: its field and its message.
    pub fn error(&self) -> (String, String) {
        let error = self.json()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (text("param"), text("message"))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

impl Server {
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, "Content-Type: application/json\r\n", &body.to_string())
    }

    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        Live::read(self.request(method, path, headers, body)).whole()
    }

    /// A stream of events.
    pub fn stream(&self, path: &str, body: &Value) -> Live {
        let headers = "Content-Type: application/json\r\n";
        Live::read(self.request("POST", path, headers, &body.to_string()))
    }

    /// A chat whose answer streams.
    pub fn chat(&self, body: Value) -> Live {
        self.stream("/v1/chat/completions", &with(body, json!({"stream": true})))
    }

    /// A connection on which this was asked.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut socket = self.connect();
        let length = body.len();
        let host = if headers.to_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
        let text = format!(
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        // A server that has said no already need not take all of it.
        let _ = socket.write_all(text.as_bytes());
        socket
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    /// A figure of `/metrics`; 0 for one that is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until `holds`.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal, as `kill` names it.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Bytes of memory that it holds now.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response that is being read.
pub struct Live {
    reader: BufReader<TcpStream>,
    pub status: u16,
    head: String,
}

impl Live {
    /// Reads the head.
    pub fn read(socket: TcpStream) -> Self {
        let mut reader = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = reader.read_line(&mut head).expect("a head");
            assert!(read > 0, "the connection closed behind {head:?}");
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { reader, status: status.unwrap_or_else(|| panic!("no status in {head:?}")), head }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The next chunk of the body; `None` behind the last. A body that breaks off is a failure.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        self.reader.read_line(&mut size).expect("a chunk's size");
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("no size: {size:?}"));
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).expect("a whole chunk");
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// The rest of the response.
    pub fn whole(mut self) -> Reply {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
        } else {
            let length: Option<u64> =
                self.header("content-length").map(|length| length.parse().expect("a length"));
            self.reader.take(length.unwrap_or(0)).read_to_end(&mut body).expect("a body");
        }
        Reply { status: self.status, head: self.head, body: String::from_utf8(body).expect("UTF-8") }
    }

    /// Reads until `count` events have come.
    pub fn some(&mut self, count: usize) -> String {
        let mut text = String::new();
        while text.matches("\n\n").count() < count {
            text += &String::from_utf8(self.chunk().expect("more events")).expect("UTF-8");
        }
        text
    }

    /// Reads to the end, which has to be there, whole.
    pub fn events(self) -> Told {
        assert_eq!(self.status, 200, "{}", self.head);
        assert_eq!(self.header("content-type"), Some("text/event-stream; charset=utf-8"));
        Told::of(&self.whole().body)
    }

    /// The client's end breaks off, as that of a process that is killed.
    pub fn leave(self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Both);
    }

    pub fn socket(&self) -> &TcpStream {
        self.reader.get_ref()
    }
}

/// What a stream told, checked against the law: its events, exactly one that ends it, `[DONE]`, nothing more.
#[derive(Debug)]
pub struct Told {
    pub events: Vec<Value>,
    pub comments: usize,
    /// All text of the answer.
    pub text: String,
    /// The finish reason; `None`: an error ended it.
    pub finish: Option<String>,
    /// The error that ended it.
    pub error: Option<String>,
}

impl Told {
    pub fn of(body: &str) -> Self {
        let (mut data, mut comments) = (Vec::new(), 0);
        for event in body.strip_suffix("\n\n").expect("a whole last event").split("\n\n") {
            match event.strip_prefix("data: ") {
                Some(one) => data.push(one),
                None => {
                    assert!(event.starts_with(':'), "neither data nor a comment: {event:?}");
                    comments += 1;
                }
            }
        }
        assert_eq!(data.pop(), Some("[DONE]"), "{body}");
        let events: Vec<Value> =
            data.iter().map(|one| serde_json::from_str(one).unwrap_or_else(|_| panic!("{one}"))).collect();
        let finishes: Vec<&str> =
            events.iter().filter_map(|event| event["choices"][0]["finish_reason"].as_str()).collect();
        let errors: Vec<&str> =
            events.iter().filter_map(|event| event["error"]["message"].as_str()).collect();
        assert_eq!(finishes.len() + errors.len(), 1, "not one end: {body}");
        let text = |event: &Value| {
            let choice = &event["choices"][0];
            let text = choice["delta"]["content"].as_str().or(choice["text"].as_str());
            text.unwrap_or_default().to_owned()
        };
        Self {
            text: events.iter().map(text).collect(),
            finish: finishes.first().map(ToString::to_string),
            error: errors.first().map(ToString::to_string),
            events,
            comments,
        }
    }

    /// The event with the end's figures.
    pub fn figures(&self) -> &Value {
        let found = self.events.iter().find(|event| !event["wick"].is_null());
        &found.expect("figures")["wick"]
    }
}
