//! What is counted and measured, and how Prometheus reads it (text exposition format, version 0.0.4); one
//! thread, so cells.

use hyper::StatusCode;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use wick::{EndReason, RuntimeInfo, Stats};

/// Upper bounds of the buckets for what lies between milliseconds and minutes, in seconds.
const WAITS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Counts of durations by size, and their sum.
#[derive(Default)]
pub struct Histogram {
    /// By the smallest of [`WAITS`] that is no less; the last one: none is.
    buckets: [Cell<u64>; WAITS.len() + 1],
    seconds: Cell<f64>,
}

impl Histogram {
    /// One more.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = WAITS.iter().position(|bound| seconds <= *bound).unwrap_or(WAITS.len());
        add(&self.buckets[bucket], 1);
        self.seconds.set(self.seconds.get() + seconds);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, "histogram", help);
        let mut below = 0;
        for (bucket, bound) in self.buckets.iter().zip(WAITS) {
            below += bucket.get();
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        below += self.buckets[WAITS.len()].get();
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {below}");
        let _ = writeln!(out, "{name}_sum {}\n{name}_count {below}", self.seconds.get());
    }
}

/// How a generation ended, for the label of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ended(&'static str);

impl Ended {
    /// Its reader went away before its end.
    pub const LEFT: Self = Self("left");

    /// It ended by itself.
    pub fn with(reason: EndReason) -> Self {
        Self(reason_name(reason))
    }
}

/// The reason in a word.
pub fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Stop => "stop",
        EndReason::StopString => "stop_string",
        EndReason::Length => "length",
        EndReason::ContextFull => "context_full",
        EndReason::Ready => "ready",
        EndReason::Cancelled => "cancelled",
        EndReason::Deadline => "deadline",
        EndReason::Shutdown => "shutdown",
        EndReason::Error => "error",
    }
}

/// All that this server counts.
#[derive(Default)]
pub struct Metrics {
    /// Responses by route and status.
    requests: RefCell<BTreeMap<(&'static str, u16), u64>>,
    generations: RefCell<BTreeMap<Ended, u64>>,
    refused_connections: Cell<u64>,
    prompt_tokens: Cell<u64>,
    cached_tokens: Cell<u64>,
    prompts: Cell<u64>,
    cached_prompts: Cell<u64>,
    output_tokens: Cell<u64>,
    draft_tokens: Cell<u64>,
    draft_accepted: Cell<u64>,
    first_token: Histogram,
    gap: Histogram,
    queue: Histogram,
    prefill: Histogram,
}

/// What is not counted but is so now.
pub struct Now {
    /// The model is loaded, and new work is taken.
    pub ready: bool,
    /// Open connections.
    pub connections: usize,
    /// Jobs whose end nobody has read.
    pub jobs: usize,
    /// What the runtime says.
    pub runtime: RuntimeInfo,
}

impl Metrics {
    /// A response was sent.
    pub fn answered(&self, route: &'static str, status: StatusCode) {
        *self.requests.borrow_mut().entry((route, status.as_u16())).or_default() += 1;
    }

    /// A connection was refused because there are too many.
    pub fn refused_connection(&self) {
        add(&self.refused_connections, 1);
    }

    /// A token came so long behind the one before it.
    pub fn gap(&self, gap: Duration) {
        self.gap.observe(gap);
    }

    /// A generation is over.
    pub fn ended(&self, how: Ended, stats: &Stats) {
        *self.generations.borrow_mut().entry(how).or_default() += 1;
        add(&self.prompt_tokens, stats.prompt_tokens.into());
        add(&self.cached_tokens, stats.cached_tokens.into());
        add(&self.output_tokens, stats.output_tokens.into());
        add(&self.draft_tokens, stats.draft_tokens);
        add(&self.draft_accepted, stats.draft_accepted);
        if stats.output_tokens > 0 {
            add(&self.prompts, 1);
            add(&self.cached_prompts, u64::from(stats.cached_tokens > 0));
            self.queue.observe(Duration::from_nanos(stats.queue_ns));
            self.prefill.observe(Duration::from_nanos(stats.prefill_ns));
        }
        if stats.ttft_ns > 0 {
            self.first_token.observe(Duration::from_nanos(stats.ttft_ns));
        }
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self, now: &Now) -> String {
        let mut text = String::new();
        let out = &mut text;
        head(out, "wick_build_info", "gauge", "The version of this server.");
        let _ = writeln!(out, "wick_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        self.write_requests(out);
        self.write_generations(out);
        for (name, help, value) in self.counters() {
            head(out, name, "counter", help);
            let _ = writeln!(out, "{name} {value}");
        }
        for (name, help, value) in gauges(now) {
            head(out, name, "gauge", help);
            let _ = writeln!(out, "{name} {value}");
        }
        for (name, help, histogram) in self.histograms() {
            histogram.write(out, name, help);
        }
        text
    }

    fn write_requests(&self, out: &mut String) {
        head(out, "wick_http_requests_total", "counter", "Responses by route and status.");
        for ((route, status), count) in self.requests.borrow().iter() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            let _ = writeln!(out, "wick_http_requests_total{{{labels}}} {count}");
        }
    }

    fn write_generations(&self, out: &mut String) {
        let help = "Generations that are over, by how they ended; left: the client went away.";
        head(out, "wick_generations_total", "counter", help);
        for (Ended(how), count) in self.generations.borrow().iter() {
            let _ = writeln!(out, "wick_generations_total{{end=\"{how}\"}} {count}");
        }
    }

    fn counters(&self) -> [(&'static str, &'static str, u64); 8] {
        [
            (
                "wick_refused_connections_total",
                "Connections beyond --max-connections.",
                self.refused_connections.get(),
            ),
            (
                "wick_prompt_tokens_total",
                "Tokens of prompts, cached ones included.",
                self.prompt_tokens.get(),
            ),
            (
                "wick_cached_prompt_tokens_total",
                "Tokens of prompts that were in the cache.",
                self.cached_tokens.get(),
            ),
            ("wick_prompts_total", "Prompts that were computed.", self.prompts.get()),
            (
                "wick_cached_prompts_total",
                "Prompts whose beginning was in the cache.",
                self.cached_prompts.get(),
            ),
            ("wick_output_tokens_total", "Generated tokens.", self.output_tokens.get()),
            ("wick_draft_tokens_total", "Tokens that were drafted.", self.draft_tokens.get()),
            ("wick_draft_accepted_total", "Drafted tokens that were right.", self.draft_accepted.get()),
        ]
    }

    fn histograms(&self) -> [(&'static str, &'static str, &Histogram); 4] {
        [
            (
                "wick_time_to_first_token_seconds",
                "From the request to the first text being readable.",
                &self.first_token,
            ),
            ("wick_token_gap_seconds", "Between two texts of a stream, as they were made.", &self.gap),
            ("wick_queue_seconds", "From the request to its start.", &self.queue),
            ("wick_prefill_seconds", "From the start to the first sampled token.", &self.prefill),
        ]
    }
}

fn gauges(now: &Now) -> [(&'static str, &'static str, u64); 8] {
    let runtime = &now.runtime;
    [
        ("wick_ready", "1: the model is loaded, and new work is taken.", now.ready.into()),
        ("wick_connections", "Open connections.", now.connections as u64),
        ("wick_jobs", "Jobs whose end nobody has read.", now.jobs as u64),
        ("wick_generations_running", "Generations that are computed.", runtime.running as u64),
        ("wick_generations_waiting", "Generations that wait for a place.", runtime.waiting() as u64),
        (
            "wick_kv_and_scratch_bytes",
            "Keys and values, cached prefixes included, and scratch.",
            runtime.kv_and_scratch_bytes,
        ),
        ("wick_weight_bytes", "Weights, mapped or owned.", runtime.weight_bytes),
        ("wick_memory_budget_bytes", "The budget; 0: none.", runtime.memory_budget.unwrap_or(0)),
    ]
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn add(cell: &Cell<u64>, more: u64) {
    cell.set(cell.get().saturating_add(more));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_what_is_over_all_is_counted() {
        let histogram = Histogram::default();
        for milliseconds in [1, 3, 30, 200_000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }
        let mut out = String::new();
        histogram.write(&mut out, "h", "Help.");
        for line in [
            "# TYPE h histogram",
            "h_bucket{le=\"0.001\"} 1",
            "h_bucket{le=\"0.005\"} 2",
            "h_bucket{le=\"0.05\"} 3",
            "h_bucket{le=\"60\"} 3",
            "h_bucket{le=\"+Inf\"} 4",
            "h_count 4",
        ] {
            assert!(out.lines().any(|own| own == line), "{line} is not in\n{out}");
        }
    }

    #[test]
    fn a_generation_without_a_token_counts_as_no_prompt() {
        let metrics = Metrics::default();
        metrics.ended(Ended::LEFT, &Stats::default());
        metrics.ended(
            Ended::with(EndReason::Stop),
            &Stats { output_tokens: 2, prompt_tokens: 9, cached_tokens: 4, ttft_ns: 1, ..Stats::default() },
        );
        assert_eq!((metrics.prompts.get(), metrics.cached_prompts.get()), (1, 1));
        assert_eq!((metrics.prompt_tokens.get(), metrics.cached_tokens.get()), (9, 4));
        let mut out = String::new();
        metrics.write_generations(&mut out);
        assert!(out.contains("wick_generations_total{end=\"left\"} 1\n"), "{out}");
    }
}
