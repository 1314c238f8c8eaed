//! What a request for a completion asks for: read whole, checked, and refused by name where it is not to be
//! had.

use super::grammar::grammar;
use super::messages::messages;
use super::sampling::{sampling, seed};
use super::tools::tools;
use crate::failure::Failure;
use crate::fields::{Fields, wrong};
use crate::model::Served;
use crate::options::Limits;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wick::{Cut, Input, Request};

type Result<T> = std::result::Result<T, Failure>;

/// Which of the two forms an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `/v1/chat/completions`: messages.
    Chat,
    /// `/v1/completions`: a text that goes on.
    Completion,
}

/// What is asked for.
#[derive(Debug)]
pub struct Asked {
    pub shape: Shape,
    pub request: Request,
    /// As server-sent events.
    pub stream: bool,
    /// A stream tells its usage, too.
    pub include_usage: bool,
    /// Each token comes with its logprob.
    pub logprobs: bool,
}

/// Tokens of a completion that says nothing of its length, as OpenAI has it.
const COMPLETION_TOKENS: u32 = 16;

/// Stop strings at most.
const STOPS: usize = 64;

/// What changes nothing here: it is for OpenAI's own books.
const BOOKS: [&str; 6] =
    ["user", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"];

/// A request in either form: with messages, or with a prompt.
///
/// # Errors
/// 400 that names the field; 404 for another model.
pub fn ask(fields: Fields, served: &Served, limits: &Limits) -> Result<Asked> {
    if fields.has("messages") { chat(fields, served, limits) } else { completion(fields, served, limits) }
}

/// A request with messages.
///
/// # Errors
/// As [`ask`].
pub fn chat(mut fields: Fields, served: &Served, limits: &Limits) -> Result<Asked> {
    check_model(&mut fields, served)?;
    let input = Input::Messages(messages(&mut fields)?);
    let logprobs = fields.flag("logprobs")?.unwrap_or(false);
    let top = fields.whole("top_logprobs", 0..=20)?;
    if top.is_some() && !logprobs {
        let why = "top_logprobs goes with logprobs: send \"logprobs\": true, too";
        return Err(Failure::field("top_logprobs", why));
    }
    let (tools, tool_choice) = tools(&mut fields)?;
    let template = fields.object("chat_template_kwargs")?.map(Arc::new);
    let budget = fields.whole("reasoning_budget", 0..=u32::MAX.into())?;
    let mut asked = common(fields, Shape::Chat, served, limits)?;
    asked.logprobs = logprobs;
    asked.request.input = input;
    asked.request.template = template;
    asked.request.tools = tools.map(Arc::new);
    asked.request.tool_choice = tool_choice;
    asked.request.reasoning_budget = budget.map(|tokens| tokens as u32);
    asked.request.sampling.logprobs = logprobs;
    asked.request.sampling.top_logprobs = top.unwrap_or(0) as u32;
    Ok(asked)
}

/// A request with a prompt.
///
/// # Errors
/// As [`ask`].
pub fn completion(mut fields: Fields, served: &Served, limits: &Limits) -> Result<Asked> {
    check_model(&mut fields, served)?;
    let input = prompt(&mut fields)?;
    let logprobs = fields.whole("logprobs", 0..=20)?;
    let parse_special = fields.flag("parse_special")?.unwrap_or(true);
    let no = |value: &Value| *value == Value::Bool(false);
    fields.refuse("echo", no, "the prompt is not given back; put it before the answer yourself")?;
    let empty = |value: &Value| value.as_str() == Some("");
    fields.refuse("suffix", empty, "a text is only continued here, nothing is put in its middle")?;
    fields.refuse(
        "best_of",
        |value| value.as_i64() == Some(1),
        "one answer is computed; ask several times",
    )?;
    if !fields.has("max_tokens") && !fields.has("max_completion_tokens") {
        let mut asked = common(fields, Shape::Completion, served, limits)?;
        asked.request.max_tokens = least(COMPLETION_TOKENS, limits.max_tokens);
        return Ok(complete(asked, input, logprobs, parse_special));
    }
    let asked = common(fields, Shape::Completion, served, limits)?;
    Ok(complete(asked, input, logprobs, parse_special))
}

fn complete(mut asked: Asked, input: Input, logprobs: Option<i64>, parse_special: bool) -> Asked {
    asked.logprobs = logprobs.is_some();
    asked.request.input = input;
    asked.request.parse_special = parse_special;
    asked.request.sampling.logprobs = logprobs.is_some();
    asked.request.sampling.top_logprobs = logprobs.unwrap_or(0) as u32;
    asked
}

/// What both forms have, to the last field.
fn common(mut fields: Fields, shape: Shape, served: &Served, limits: &Limits) -> Result<Asked> {
    let stream = fields.flag("stream")?.unwrap_or(false);
    let include_usage = stream_options(&mut fields, stream)?;
    let one = |value: &Value| value.as_i64() == Some(1);
    fields.refuse("n", one, "one answer is computed; ask several times, the prompt is in the cache then")?;
    let most = i64::from(u32::MAX);
    let tokens = fields.whole("max_completion_tokens", 1..=most)?;
    let tokens = tokens.or(fields.whole("max_tokens", 1..=most)?).unwrap_or(0) as u32;
    let request = Request {
        max_tokens: least(tokens, limits.max_tokens),
        max_tokens_per_second: fields.whole("max_tokens_per_second", 0..=most)?.unwrap_or(0) as u32,
        priority: fields.whole("priority", i32::MIN.into()..=i32::MAX.into())?.unwrap_or(0) as i32,
        stop: stops(&mut fields)?,
        deadline: deadline(&mut fields, limits)?,
        ignore_eos: fields.flag("ignore_eos")?.unwrap_or(false),
        cut: cut(&mut fields)?,
        grammar: grammar(&mut fields)?.map(Arc::new),
        sampling: sampling(&mut fields, &served.info.recommended)?,
        ..Request::default()
    };
    let request = seed(&mut fields, request)?;
    let no = |value: &Value| *value == Value::Bool(false);
    fields.refuse("store", no, "nothing is kept here")?;
    fields.ignore(&BOOKS);
    fields.finish()?;
    Ok(Asked { shape, request, stream, include_usage, logprobs: false })
}

/// The lesser of two limits, of which 0 is none.
fn least(one: u32, other: u32) -> u32 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        (one, other) => one.min(other),
    }
}

/// # Errors
/// 404 for another model than the one that is here.
pub fn check_model(fields: &mut Fields, served: &Served) -> Result<()> {
    match fields.text("model")? {
        Some(name) if name != *served.name => {
            let message = format!("the model {name:?} is not here; this server has {:?}", served.name);
            let failure = Failure::field("model", message).with_code("model_not_found");
            Err(Failure { status: hyper::StatusCode::NOT_FOUND, ..failure })
        }
        _ => Ok(()),
    }
}

/// Whether a stream tells its usage.
fn stream_options(fields: &mut Fields, stream: bool) -> Result<bool> {
    let Some(value) = fields.take("stream_options") else { return Ok(false) };
    let mut options = Fields::of(value, "stream_options")?;
    let include = options.flag("include_usage")?.unwrap_or(false);
    // Padding against those who guess a text by the length of its packets: none is made.
    options.ignore(&["include_obfuscation"]);
    options.finish()?;
    if include && !stream {
        let why = "stream_options goes with \"stream\": true; an answer that comes whole tells its usage";
        return Err(Failure::field("stream_options", why));
    }
    Ok(include)
}

fn stops(fields: &mut Fields) -> Result<Vec<String>> {
    let wanted = format!("a text, or a list of at most {STOPS}");
    let stops = match fields.take("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(list)) if list.len() <= STOPS => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let texts: Option<Vec<String>> = list.iter().map(text).collect();
            texts.ok_or_else(|| wrong("stop", &Value::Array(list), &wanted))?
        }
        Some(other) => return Err(wrong("stop", &other, &wanted)),
    };
    match stops.iter().any(String::is_empty) {
        true => Err(Failure::field("stop", "stop holds an empty text; leave it out")),
        false => Ok(stops),
    }
}

/// The earlier of what the request and the server allow.
///
/// # Errors
/// 400 that names the field.
pub fn deadline(fields: &mut Fields, limits: &Limits) -> Result<Option<Instant>> {
    let asked = fields.whole("deadline_ms", 1..=i64::from(u32::MAX))?;
    let asked = asked.map(|milliseconds| Duration::from_millis(milliseconds.unsigned_abs()));
    let least = asked.into_iter().chain(limits.generation()).min();
    Ok(least.and_then(|limit| Instant::now().checked_add(limit)))
}

fn cut(fields: &mut Fields) -> Result<Cut> {
    match fields.text("cut")?.as_deref() {
        None | Some("token") => Ok(Cut::Token),
        Some("word") => Ok(Cut::Word),
        Some("line") => Ok(Cut::Line),
        Some("sentence") => Ok(Cut::Sentence),
        Some(other) => {
            Err(wrong("cut", &Value::from(other), "\"token\", \"word\", \"line\" or \"sentence\""))
        }
    }
}

/// A text or its ids; a list of one of them counts as it does.
fn prompt(fields: &mut Fields) -> Result<Input> {
    let wanted = "a text, or a list of token ids; one prompt at a time";
    let Some(mut value) = fields.take("prompt") else {
        return Err(Failure::field("prompt", "there is no prompt (and there are no messages)"));
    };
    if let Value::Array(list) = &mut value
        && let [Value::String(_) | Value::Array(_)] = list.as_slice()
        && let Some(only) = list.pop()
    {
        value = only;
    }
    match &value {
        Value::String(text) => Ok(Input::Text(text.clone())),
        Value::Array(list) if !list.is_empty() => {
            let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
            let ids: Option<Vec<u32>> = list.iter().map(id).collect();
            ids.map(Input::Tokens).ok_or_else(|| wrong("prompt", &value, wanted))
        }
        _ => Err(wrong("prompt", &value, wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::parse(value.to_string().as_bytes()).expect("an object")
    }

    #[test]
    fn a_prompt_is_a_text_or_ids_and_only_one() {
        let read = |value: Value| prompt(&mut fields(json!({"prompt": value})));
        assert_eq!(read(json!("a")).expect("a text"), Input::Text("a".to_owned()));
        assert_eq!(read(json!(["a"])).expect("one text"), Input::Text("a".to_owned()));
        assert_eq!(read(json!([1, 2])).expect("ids"), Input::Tokens(vec![1, 2]));
        assert_eq!(read(json!([[1, 2]])).expect("one list of ids"), Input::Tokens(vec![1, 2]));
        for bad in
            [json!(["a", "b"]), json!([]), json!([-1]), json!([1.5]), json!(4_294_967_296_u64), json!({})]
        {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        assert!(prompt(&mut fields(json!({}))).is_err());
    }

    #[test]
    fn stops_are_texts() {
        let read = |value: Value| stops(&mut fields(json!({"stop": value})));
        assert_eq!(read(json!("a")).expect("one"), ["a"]);
        assert_eq!(read(json!(["a", "b"])).expect("two"), ["a", "b"]);
        assert_eq!(read(json!(null)).expect("none"), [""; 0]);
        for bad in [json!(""), json!(["a", 4]), json!({}), json!(vec!["a"; STOPS + 1])] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_two_limits_the_lesser_holds_and_0_is_none() {
        assert_eq!((least(0, 0), least(5, 0), least(0, 7), least(5, 7)), (0, 5, 7, 5));
    }

    #[test]
    fn usage_in_a_stream_needs_a_stream() {
        let options = json!({"stream_options": {"include_usage": true}});
        assert!(stream_options(&mut fields(options.clone()), true).expect("valid"));
        assert!(stream_options(&mut fields(options), false).is_err());
        assert!(stream_options(&mut fields(json!({"stream_options": {"what": 1}})), true).is_err());
    }
}
