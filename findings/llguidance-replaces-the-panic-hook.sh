#!/usr/bin/env bash
# llguidance: the first parser for a `Matcher` replaces the process' panic hook, for good. 2026-12-01.
#
# What runs when a thread panics belongs to the program: a host sets a hook, takes it away, puts it back. A
# library for grammars would be expected to leave it alone, or to say that it does not. `ParserFactory::
# create_parser` puts a hook of its own in front of the host's (which it calls), and never takes it away: the
# hook that the host takes afterwards is not the one that it has set. Below `Matcher` and `TokenParser`
# (`Parser` with a `BiasComputer`) nothing is replaced.
. "$(dirname "$0")/lib/finding.bash"
crate llguidance@1.9.1 --no-default-features --features lark
in_rust <<'RUST'
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv};
use llguidance::{Matcher, ParserFactory};
use std::panic::{set_hook, take_hook};
use std::sync::Arc;

/// Where the hook of this moment lies.
fn hook() -> usize {
    let hook = take_hook();
    let address = (&*hook as *const _ as *const ()) as usize;
    set_hook(hook);
    address
}

fn main() {
    let mine = String::from("a panic");
    set_hook(Box::new(move |_| println!("{mine}")));
    let before = hook();
    println!("taken and set again: {}", if hook() == before { "the same hook" } else { "another hook" });
    let env: TokEnv = Arc::new(ApproximateTokEnv::single_byte());
    let mut factory = ParserFactory::new_simple(&env).unwrap();
    factory.quiet();
    let grammar = TopLevelGrammar::from_json_schema(true.into());
    let mut matcher = Matcher::new(factory.create_parser(grammar));
    println!("a Matcher is made: {}", if hook() == before { "the same hook" } else { "another hook" });
    let _ = matcher.compute_mask();
    println!("its first mask: {}", if hook() == before { "the same hook" } else { "another hook" });
}
RUST
seen <<'OUT'
taken and set again: the same hook
a Matcher is made: another hook
its first mask: another hook
OUT
