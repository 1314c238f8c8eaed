//! An answer as server-sent events: chunks, then exactly one that ends it (a finish reason, or an error),
//! then `[DONE]`.

use super::ask::Shape;
use super::logprobs::{self, Lists};
use super::told::{Told, figures, finish_reason, usage};
use super::tools;
use crate::answer::failure;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::fmt::Write;
use wick::{Channel, End, EventKind, Text};

/// Writes one answer's events.
pub struct Chunks {
    told: Told,
    /// What all chunks begin with, up to their choices.
    head: String,
    /// Characters of the text so far.
    offset: usize,
    /// Calls of tools so far.
    calls: usize,
    begun: bool,
}

impl Chunks {
    /// Of an answer that is told so.
    pub fn new(told: Told) -> Self {
        let start = json!({
            "id": told.id,
            "object": told.object(true),
            "created": told.created,
            "model": *told.model,
        });
        let mut head = start.to_string();
        head.pop();
        Self { told, head, offset: 0, calls: 0, begun: false }
    }

    /// Writes what `event` is to the client, and says whether that was the end of it.
    pub fn event(&mut self, out: &mut String, event: &EventKind) -> bool {
        match event {
            EventKind::Text(text) => self.text(out, text),
            EventKind::ToolCall(text) => self.call(out, text),
            EventKind::End(end) => {
                self.end(out, end);
                return true;
            }
            _ => {}
        }
        false
    }

    /// OpenAI's first chunk says whose message it is.
    fn begin(&mut self, out: &mut String) {
        if !self.begun && self.told.shape == Shape::Chat {
            let delta = json!({"role": "assistant", "content": ""});
            self.delta(out, &delta, &Value::Null);
        }
        self.begun = true;
    }

    fn text(&mut self, out: &mut String, text: &Text) {
        self.begin(out);
        let field = match text.channel {
            Channel::Answer => "content",
            Channel::Reasoning => "reasoning_content",
            // The markup of a call: the call itself says it.
            Channel::Tool => return,
        };
        let named = self.told.logprobs.clone();
        if text.text.is_empty() && (named.is_none() || text.tokens.is_empty()) {
            return;
        }
        match self.told.shape {
            Shape::Chat => {
                let token = named.and_then(|vocab| logprobs::chat(&*vocab, text));
                let logprobs =
                    token.map_or(Value::Null, |token| json!({"content": [token], "refusal": null}));
                self.delta(out, &json!({field: text.text.as_str()}), &logprobs);
            }
            Shape::Completion => {
                let logprobs = named.map_or(Value::Null, |vocab| {
                    let mut lists = Lists::at(self.offset);
                    lists.push(&*vocab, text);
                    lists.to_json()
                });
                self.offset += text.text.chars().count();
                self.continuation(out, &text.text, &logprobs, &Value::Null, "");
            }
        }
    }

    fn call(&mut self, out: &mut String, text: &str) {
        self.begin(out);
        if let Some(call) = tools::call(text, Some(self.calls)) {
            self.calls += 1;
            self.delta(out, &json!({"tool_calls": [call]}), &Value::Null);
        }
    }

    fn delta(&self, out: &mut String, delta: &Value, logprobs: &Value) {
        let head = &self.head;
        let _ = write!(
            out,
            "data: {head},\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":{logprobs},\"finish_reason\":null}}]}}\n\n"
        );
    }

    /// `more`: fields behind the choices, each with a comma before it.
    fn continuation(&self, out: &mut String, text: &str, logprobs: &Value, reason: &Value, more: &str) {
        let (head, text) = (&self.head, Value::from(text));
        let _ = write!(
            out,
            "data: {head},\"choices\":[{{\"index\":0,\"text\":{text},\"logprobs\":{logprobs},\"finish_reason\":{reason}}}]{more}}}\n\n"
        );
    }

    fn end(&mut self, out: &mut String, end: &End) {
        if let Err(failure) = failure(end) {
            return self.fail(out, &failure);
        }
        self.begin(out);
        let reason = Value::from(finish_reason(end, self.calls > 0));
        let figures = figures(end);
        match self.told.shape {
            Shape::Chat => {
                let head = &self.head;
                let _ = write!(
                    out,
                    "data: {head},\"choices\":[{{\"index\":0,\"delta\":{{}},\"logprobs\":null,\"finish_reason\":{reason}}}],\"wick\":{figures}}}\n\n"
                );
            }
            Shape::Completion => {
                self.continuation(out, "", &Value::Null, &reason, &format!(",\"wick\":{figures}"));
            }
        }
        if self.told.include_usage {
            let _ = write!(out, "data: {},\"choices\":[],\"usage\":{}}}\n\n", self.head, usage(end));
        }
        out.push_str("data: [DONE]\n\n");
    }

    /// An end that is an error.
    fn fail(&self, out: &mut String, failure: &Failure) {
        let _ = write!(out, "data: {}\n\ndata: [DONE]\n\n", failure.to_json());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use wick::{EndReason, Error, ErrorKind};

    fn chunks(shape: Shape, include_usage: bool) -> Chunks {
        let model: Rc<str> = "a \"model\"".into();
        Chunks::new(Told { id: "id".into(), shape, created: 7, model, include_usage, logprobs: None })
    }

    fn text(text: &str, channel: Channel) -> EventKind {
        EventKind::Text(Text { channel, ..Text::plain(text.into(), [1].into_iter().collect()) })
    }

    /// The data of each event, in order.
    fn data(out: &str) -> Vec<Value> {
        let events = out.split_terminator("\n\n");
        let data = events.map(|event| event.strip_prefix("data: ").expect("one line of data"));
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).expect(data)).collect()
    }

    #[test]
    fn a_chat_begins_with_the_role_and_ends_once() {
        let (mut chunks, mut out) = (chunks(Shape::Chat, true), String::new());
        assert!(!chunks.event(&mut out, &EventKind::Started));
        assert!(!chunks.event(&mut out, &text("think", Channel::Reasoning)));
        assert!(!chunks.event(&mut out, &text("<call>", Channel::Tool)));
        assert!(!chunks.event(&mut out, &text("a\n\"b\"", Channel::Answer)));
        assert!(chunks.event(&mut out, &EventKind::End(End::new(EndReason::Deadline))));
        let data = data(&out);
        let delta = |index: usize| &data[index]["choices"][0]["delta"];
        assert_eq!(delta(0)["role"], "assistant");
        assert_eq!(delta(1)["reasoning_content"], "think");
        assert_eq!(delta(2)["content"], "a\n\"b\"");
        assert_eq!(data[3]["choices"][0]["finish_reason"], "length");
        assert_eq!(data[3]["wick"]["end_reason"], "deadline");
        assert_eq!(data[4]["usage"]["total_tokens"], 0);
        assert_eq!(data.len(), 5);
        assert!(data.iter().all(|chunk| chunk["model"] == "a \"model\"" && chunk["id"] == "id"));
        assert!(out.ends_with("data: [DONE]\n\n") && out.matches("[DONE]").count() == 1);
    }

    #[test]
    fn a_completion_says_text_and_an_empty_answer_still_ends() {
        let (mut chunks, mut out) = (chunks(Shape::Completion, false), String::new());
        assert!(!chunks.event(&mut out, &text("ab", Channel::Answer)));
        assert!(chunks.event(&mut out, &EventKind::End(End::new(EndReason::Stop))));
        let said = data(&out);
        assert_eq!((said[0]["choices"][0]["text"].as_str(), said.len()), (Some("ab"), 2));
        let (mut chunks, mut out) = (self::chunks(Shape::Chat, false), String::new());
        assert!(chunks.event(&mut out, &EventKind::End(End::new(EndReason::Stop))));
        assert_eq!(data(&out)[1]["choices"][0]["finish_reason"], "stop");
    }

    #[test]
    fn an_error_is_the_end_and_no_other_comes_beside_it() {
        let (mut chunks, mut out) = (chunks(Shape::Chat, true), String::new());
        chunks.event(&mut out, &text("half", Channel::Answer));
        let error = Error::new(ErrorKind::Numeric, "NaN in the logits");
        assert!(chunks.event(&mut out, &EventKind::End(End::failed(error))));
        let data = data(&out);
        assert_eq!(data.last().expect("events")["error"]["message"], "NaN in the logits");
        assert!(data.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null()));
        assert!(out.ends_with("data: [DONE]\n\n"));
    }
}
