//! Conversations with a fake model whose words depend on all that it sees: whatever is shared, dropped or
//! computed again shows in what it says.

use super::{House, Told, house, options, read};
use wick::runtime::{
    Input, Mode, ModelOptions, ModelSource, PrefixCache, Reading, Request, Runtime, Session,
};
use wick::sample::SamplerOptions;
use wick::testing::{CONTROL, Script, model};
use wick::text::Message;

/// A model of each kind of past: all of it, a window, a state, a window and a state.
pub fn kinds() -> [Script; 4] {
    let all = Script { random: Some(7), max_tokens: 64, ..Script::default() };
    [
        all.clone(),
        Script { window: Some(20), ..all.clone() },
        Script { recurrent: true, ..all.clone() },
        Script { recurrent: true, window: Some(20), ..all },
    ]
}

/// A runtime with this model, in which sessions share nothing but by forks.
pub fn apart(mode: Mode, script: &Script) -> House {
    let (fake, gate) = model(script);
    let runtime = Runtime::new(options(mode)).expect("a runtime");
    let source = ModelSource::Custom(Box::new(move |_| Ok(fake)));
    let options = ModelOptions { prefix_cache: PrefixCache::Off, ..ModelOptions::from_source(source) };
    let (model, mut loading) = runtime.load(options, Reading::default()).expect("a load begins");
    read(&mut loading);
    House { runtime, model, gate }
}

pub fn said(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into(), extra: None }
}

pub fn user(text: &str) -> Input {
    Input::Messages(vec![said("user", text)])
}

/// Answers are ASCII: nothing of them is lost as text.
pub fn for_ascii(input: Input, max_tokens: u32) -> Request {
    let logit_bias = (128..=CONTROL).map(|id| (id, f32::NEG_INFINITY)).collect();
    let sampling = SamplerOptions { logit_bias, ..SamplerOptions::default() };
    Request { input, max_tokens, sampling, ..Request::default() }
}

/// The answer to `input`, of at most `max_tokens`.
pub fn ask(session: &Session, input: Input, max_tokens: u32) -> Told {
    let request = for_ascii(input, max_tokens);
    read(&mut session.generate(request, Reading::default()).expect("a stream"))
}

/// What a session says that begins with these messages, in a runtime that has computed nothing else.
pub fn alone(script: &Script, messages: &[Message], max_tokens: u32) -> Told {
    let house = house(Mode::HostStep, script.clone());
    let told = ask(&house.session(), Input::Messages(messages.to_vec()), max_tokens);
    house.close();
    told
}
