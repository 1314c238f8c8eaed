//! An answer that comes whole: its texts put together, then one JSON object.

use super::ask::Shape;
use super::logprobs::{self, Lists};
use super::told::{Told, figures, finish_reason, usage};
use super::tools;
use serde_json::{Map, Value, json};
use wick::{Channel, End, EventKind, Text};

/// One answer so far.
pub struct Whole {
    told: Told,
    text: String,
    reasoning: String,
    calls: Vec<Value>,
    tokens: Vec<Value>,
    lists: Lists,
}

impl Whole {
    /// Of an answer that is told so.
    pub fn new(told: Told) -> Self {
        let (text, reasoning) = (String::new(), String::new());
        Self { told, text, reasoning, calls: Vec::new(), tokens: Vec::new(), lists: Lists::default() }
    }

    /// One more event.
    pub fn event(&mut self, event: &EventKind) {
        if let EventKind::ToolCall(call) = event {
            self.calls.extend(tools::call(call, None));
        }
        if let EventKind::Text(text) = event {
            match text.channel {
                Channel::Answer => self.text.push_str(&text.text),
                Channel::Reasoning => self.reasoning.push_str(&text.text),
                // The markup of a call: the call itself says it.
                Channel::Tool => return,
            }
            self.name(text);
        }
    }

    fn name(&mut self, text: &Text) {
        match (&self.told.logprobs, self.told.shape) {
            (Some(vocab), Shape::Chat) => self.tokens.extend(logprobs::chat(&**vocab, text)),
            (Some(vocab), Shape::Completion) => self.lists.push(&**vocab, text),
            (None, _) => {}
        }
    }

    /// The answer, now that it is over.
    pub fn end(self, end: &End) -> Value {
        let named = self.told.logprobs.is_some();
        let reason = finish_reason(end, !self.calls.is_empty());
        let choice = match self.told.shape {
            Shape::Chat => {
                let mut message = Map::new();
                message.insert("role".to_owned(), "assistant".into());
                let says_nothing = self.text.is_empty() && !self.calls.is_empty();
                let content = if says_nothing { Value::Null } else { self.text.into() };
                message.insert("content".to_owned(), content);
                if !self.calls.is_empty() {
                    message.insert("tool_calls".to_owned(), self.calls.into());
                }
                if !self.reasoning.is_empty() {
                    message.insert("reasoning_content".to_owned(), self.reasoning.into());
                }
                let logprobs = named.then(|| json!({"content": self.tokens, "refusal": null}));
                json!({"index": 0, "message": message, "logprobs": logprobs, "finish_reason": reason})
            }
            Shape::Completion => {
                let logprobs = named.then(|| self.lists.to_json());
                json!({"index": 0, "text": self.text, "logprobs": logprobs, "finish_reason": reason})
            }
        };
        json!({
            "id": self.told.id,
            "object": self.told.object(false),
            "created": self.told.created,
            "model": *self.told.model,
            "choices": [choice],
            "usage": usage(end),
            "wick": figures(end),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wick::EndReason;

    #[test]
    fn channels_are_kept_apart() {
        let told = Told {
            id: "id".into(),
            shape: Shape::Chat,
            created: 7,
            model: "m".into(),
            include_usage: false,
            logprobs: None,
        };
        let mut whole = Whole::new(told);
        for (text, channel) in
            [("hm", Channel::Reasoning), ("a", Channel::Answer), ("x", Channel::Tool), ("b", Channel::Answer)]
        {
            let text = Text { channel, ..Text::plain(text.into(), [1].into_iter().collect()) };
            whole.event(&EventKind::Text(text));
        }
        let answer = whole.end(&End::new(EndReason::Length));
        let message = &answer["choices"][0]["message"];
        assert_eq!(
            (message["content"].as_str(), message["reasoning_content"].as_str()),
            (Some("ab"), Some("hm"))
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["object"], "chat.completion");
    }
}
