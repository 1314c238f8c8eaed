//! Sessions of one runtime beside twins that share nothing: whatever is done with them, and in whatever
//! order, they hold and say the same, and in the end nothing is held. `WICK_OPERATIONS` sets how much is done
//! (300).
#![cfg(feature = "testing")]
#![allow(clippy::disallowed_methods, reason = "how much is done is said outside")]

use crate::support::scenario::saves::{Storage, of};
use crate::support::scenario::*;
use std::time::Duration;
use wick::error::ErrorKind;
use wick::runtime::{
    EndReason, Input, Mode, ModelOptions, ModelSource, Overflow, PrefixCache, Reading, Request, Runtime,
    RuntimeOptions, Session, SessionOptions, Stream,
};
use wick::testing::{Script, model};
use wick::text::Message;

const CONTEXT: usize = 400;
const SESSIONS: usize = 10;

struct Random(u64);

impl Random {
    /// A number below `most`.
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % most
    }
}

/// What a session should hold.
#[derive(Debug, Clone, Default)]
struct Held {
    messages: Vec<Message>,
    tokens: Vec<u32>,
    /// How many tokens come before the last answer.
    begin: Option<usize>,
}

/// A session, and its twin.
struct Pair {
    session: Session,
    chat: bool,
    held: Held,
    /// What it held at each END and behind each input since a roll.
    places: Vec<Held>,
    /// Places below have rolled away.
    void: usize,
    /// The last generation came to nothing.
    nothing: bool,
}

/// A save under way.
struct Saving {
    storage: Storage,
    stream: Stream,
    with_kv: bool,
}

/// `<control>role\ncontent<end>\n`: where each content ends.
fn ends(messages: &[Message]) -> Vec<usize> {
    let mut at = 0;
    let end = |message: &Message| {
        let end = at + 2 + message.role.len() + message.content.len();
        at = end + 2;
        end
    };
    messages.iter().map(end).collect()
}

impl Pair {
    fn new(model: &wick::runtime::Model, chat: bool) -> Self {
        let system = chat.then(|| "Be brief.".to_owned());
        let overflow = if chat { Overflow::Roll { pinned_messages: 0 } } else { Overflow::Stop };
        let options =
            SessionOptions { context_length: Some(CONTEXT), system, overflow, ..SessionOptions::default() };
        let session = model.session_with(options).unwrap();
        let messages = if chat { vec![said("system", "Be brief.")] } else { Vec::new() };
        let held = Held { messages, ..Held::default() };
        Self { session, chat, held, places: Vec::new(), void: 0, nothing: false }
    }

    /// How many tokens come before the last answer, where there is one that can be cut.
    fn answer(&self) -> Option<usize> {
        let Held { messages, tokens, begin } = &self.held;
        let last = messages.last().filter(|last| self.chat && last.role == "assistant");
        match (self.nothing, self.chat) {
            (true, _) => None,
            (_, true) => last.map(|last| begin.unwrap_or(tokens.len() - last.content.len())),
            (_, false) => *begin,
        }
    }

    fn cleared(&mut self) {
        self.held.messages.truncate(usize::from(self.chat));
        (self.held.tokens, self.held.begin) = (Vec::new(), None);
        (self.void, self.nothing) = (0, false);
        self.places.clear();
    }

    /// As [`Session::rewind`]; `left`: how many tokens were left, where that depends on where messages lie.
    fn rewound(&mut self, count: usize, left: usize) {
        if count > 0 && count < self.void {
            return;
        }
        if !self.chat {
            if count < self.held.tokens.len() {
                self.held.tokens.truncate(count);
                self.held.begin = self.held.begin.filter(|begin| *begin < count);
                self.nothing = false;
            }
        } else if let Some(index) = self.places.iter().rposition(|place| place.tokens.len() == count) {
            self.places.truncate(index + 1);
            (self.held, self.nothing) = (self.places[index].clone(), false);
        } else if count < self.held.tokens.len() {
            let whole = ends(&self.held.messages).iter().take_while(|end| **end <= count).count();
            // An answer that has gone on is what it was at its END.
            let place = self.places.iter().rfind(|one| one.tokens.len() == left);
            if place.is_some_and(|place| {
                place.messages.len() >= whole && self.held.tokens.starts_with(&place.tokens)
            }) {
                return self.rewound(left, left);
            }
            assert!(left <= count);
            self.held.messages.truncate(whole.max(1));
            self.held.tokens.truncate(left);
            self.held.begin = None;
            self.nothing = false;
            let messages = self.held.messages.len();
            self.places.retain(|one| one.tokens.len() <= left && one.messages.len() <= messages);
            self.places.push(self.held.clone());
        }
        if self.held.tokens.is_empty() {
            self.cleared();
        }
    }

    /// As [`Session::keep`].
    fn kept(&mut self, bytes: usize) {
        let Some(begin) = self.answer() else { return };
        if begin + bytes >= self.held.tokens.len() {
            return;
        }
        self.held.tokens.truncate(begin + bytes);
        let count = self.held.messages.len();
        if let Some(last) = self.held.messages.last_mut().filter(|_| self.chat) {
            last.content.truncate(bytes);
            self.places.retain(|one| one.messages.len() < count || one.tokens.len() <= begin + bytes);
        }
        if bytes == 0 {
            self.held.begin = None;
            self.held.messages.truncate(count - usize::from(self.chat));
        }
        self.places.push(self.held.clone());
    }

    fn check(&self, what: &str) {
        let (messages, tokens) = (self.session.messages().unwrap(), self.session.tokens().unwrap());
        assert_eq!((&messages, &tokens), (&self.held.messages, &self.held.tokens), "{what}");
        assert_eq!(self.session.info().tokens, tokens.len());
    }
}

/// All pairs, and a runtime in which the twins say what they say.
struct World {
    random: Random,
    house: House,
    alone: House,
    pairs: Vec<Pair>,
}

impl World {
    fn new(script: &Script, seed: u64) -> Self {
        let (fake, gate) = model(script);
        let limits = RuntimeOptions { memory_budget: Some(24 << 10), ..options(Mode::HostStep) };
        let runtime = Runtime::new(limits).unwrap();
        let source = ModelSource::Custom(Box::new(move |_| Ok(fake)));
        let cache = PrefixCache::Bytes(6 << 10);
        let options = ModelOptions { prefix_cache: cache, ..ModelOptions::from_source(source) };
        let (model, mut loading) = runtime.load(options, Reading::default()).unwrap();
        read(&mut loading);
        let alone = apart(Mode::HostStep, script);
        Self { random: Random(seed), house: House { runtime, model, gate }, alone, pairs: Vec::new() }
    }

    /// Lets the engine do all that was asked.
    fn rest(&self) {
        while !matches!(
            self.house.runtime.step(Duration::from_millis(1)),
            Ok(wick::runtime::Stepped::Idle(_))
        ) {}
    }

    /// Starts a generation of a pair: its request, and what it gives new.
    fn start(&mut self, at: usize) -> (Stream, Request) {
        let words = ["Zq7 ", "Xv3 ", "Jk9 "];
        let text: String = (0..1 + self.random.below(12)).map(|_| words[self.random.below(3)]).collect();
        let pair = &self.pairs[at];
        let goes_on = !pair.held.tokens.is_empty() && self.random.below(4) == 0;
        let input = match (goes_on, pair.chat) {
            (true, _) => Input::Continue,
            (false, true) => user(&text),
            (false, false) => Input::Text(text),
        };
        let prefill_only = !goes_on && self.random.below(8) == 0;
        let request = Request { prefill_only, ..for_ascii(input, 1 + self.random.below(40) as u32) };
        (pair.session.generate(request.clone(), Reading::default()).unwrap(), request)
    }

    /// Takes over what a generation came to.
    fn told(&mut self, at: usize, told: &Told, request: &Request) {
        let pair = &mut self.pairs[at];
        if let Some(error) = &told.end.error {
            assert_eq!(error.kind(), ErrorKind::ContextFull, "{error}");
        }
        let count = told.tokens.len();
        if count == 0 && told.end.reason != EndReason::Ready {
            pair.nothing = true;
            return;
        }
        let prompt = told.end.stats.prompt_tokens as usize;
        let open = pair.held.messages.last().is_some_and(|last| last.role == "assistant");
        let mut goes_on = matches!(request.input, Input::Continue);
        let fresh = self.alone.session();
        let right = match &request.input {
            Input::Messages(new) => {
                pair.held.messages.extend_from_slice(new);
                pair.roll(prompt, at);
                let all = Input::Messages(pair.held.messages.clone());
                ask_as(&fresh, all, request, count)
            }
            Input::Continue if pair.chat && !open => {
                goes_on = false;
                pair.roll(prompt, at);
                ask_as(&fresh, Input::Messages(pair.held.messages.clone()), request, count)
            }
            Input::Text(text) => {
                pair.held.tokens.extend(text.bytes().map(u32::from));
                ask_as(&fresh, Input::Tokens(pair.held.tokens.clone()), request, count)
            }
            _ => ask_as(&fresh, Input::Tokens(pair.held.tokens.clone()), request, count),
        };
        assert_eq!((&told.tokens, prompt), (&right.tokens, right.end.stats.prompt_tokens as usize));
        pair.held.tokens = fresh.tokens().unwrap();
        pair.nothing = false;
        let begin = match pair.held.begin.filter(|_| goes_on) {
            // The answer of a save begins where its text does.
            None if goes_on && pair.chat => None,
            begin => begin.or(Some(prompt)),
        };
        if pair.chat && !(goes_on && open) {
            let (tokens, messages) = (pair.held.tokens[..prompt].to_vec(), pair.held.messages.clone());
            pair.places.push(Held { messages, tokens, begin: None });
        }
        pair.held.begin = begin.filter(|_| !request.prefill_only);
        if count > 0 && pair.chat {
            match pair.held.messages.last_mut().filter(|_| goes_on && open) {
                Some(last) => last.content.push_str(&told.text),
                None => pair.held.messages.push(said("assistant", &told.text)),
            }
        }
        pair.places.push(pair.held.clone());
    }

    fn one(&mut self) {
        let at = self.random.below(self.pairs.len());
        match self.random.below(20) {
            0 if self.pairs.len() < SESSIONS => {
                let chat = self.random.below(3) > 0;
                self.pairs.push(Pair::new(&self.house.model, chat));
            }
            1 if self.pairs.len() > 1 => drop(self.pairs.swap_remove(at)),
            2 => self.house.runtime.trim(),
            3..=7 => self.change(at),
            8..=9 => {
                let (saving, was) = (self.save(at), self.pairs[at].twin(self.pairs[at].session.clone()));
                if self.random.below(2) == 0 {
                    // The save is of what was.
                    let (mut stream, request) = self.start(at);
                    let told = read(&mut stream);
                    self.told(at, &told, &request);
                }
                self.saved(saving, &was);
            }
            10..=13 => self.cancel(at),
            _ => {
                // Several at once.
                let first = self.random.below(self.pairs.len());
                let count = 1 + self.random.below(4.min(self.pairs.len() - first));
                let mut asked: Vec<_> = (first..first + count).map(|at| (at, self.start(at))).collect();
                for (at, (stream, request)) in &mut asked {
                    let told = read(stream);
                    self.told(*at, &told, request);
                }
            }
        }
        self.rest();
        self.pairs.iter().for_each(|pair| pair.check("at rest"));
    }

    /// A generation is cancelled wherever it is, and what is asked next waits for nothing.
    fn cancel(&mut self, at: usize) {
        let (mut stream, request) = self.start(at);
        for _ in 0..self.random.below(30) {
            let _ = self.house.runtime.step(Duration::from_nanos(1));
        }
        stream.cancel();
        let session = self.pairs[at].session.clone();
        let (what, number) = (self.random.below(6), self.random.below(CONTEXT / 2));
        let asked = match what {
            0 => session.rewind(number),
            1 => session.keep(number / 8),
            2 => session.clear(),
            _ => Ok(()),
        };
        let twin = (what == 3 && self.pairs.len() < SESSIONS).then(|| session.fork().unwrap());
        let saving = (what == 4).then(|| self.save(at));
        let told = read(&mut stream);
        self.rest();
        self.told(at, &told, &request);
        let pair = &mut self.pairs[at];
        match (what, asked) {
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::InvalidArgument),
            (0, _) => pair.rewound(number, session.info().tokens),
            (1, _) => pair.kept(number / 8),
            (2, _) => pair.cleared(),
            _ => {}
        }
        self.pairs.extend(twin.map(|twin| self.pairs[at].twin(twin)));
        if let Some(saving) = saving {
            let was = self.pairs[at].twin(session);
            self.saved(saving, &was);
        }
    }

    /// Begins to save a session.
    fn save(&mut self, at: usize) -> Saving {
        let (storage, with_kv) = (Storage::default(), self.random.below(2) == 0);
        let saved = self.pairs[at].session.save(storage.place(), with_kv, Reading::default());
        Saving { storage, stream: saved.unwrap(), with_kv }
    }

    /// A save of what a session was then comes to its end, and back.
    fn saved(&mut self, mut saving: Saving, was: &Pair) {
        if self.random.below(6) == 0 {
            // Nobody wants it any more, wherever it is.
            for _ in 0..self.random.below(20) {
                let _ = self.house.runtime.step(Duration::from_nanos(1));
            }
            return;
        }
        assert_eq!(read(&mut saving.stream).end.reason, EndReason::Ready);
        let bytes = saving.storage.bytes();
        if self.random.below(4) == 0 {
            let told = read(&mut self.house.model.warm(of(&bytes), Reading::default()).unwrap());
            match told.end.error.map(|error| error.kind()) {
                None => assert!(saving.with_kv && !was.held.tokens.is_empty()),
                Some(kind) => assert!(matches!(kind, ErrorKind::Unsupported | ErrorKind::OutOfMemory)),
            }
        }
        if self.pairs.len() == SESSIONS {
            return;
        }
        let (session, mut stream) = self.house.model.restore(of(&bytes), Reading::default()).unwrap();
        let at = self.pairs.len();
        self.pairs.push(was.twin(session));
        match self.random.below(4) {
            // It never comes.
            0 => drop((self.pairs.pop(), stream)),
            // What is asked of it waits.
            1 => {
                let (mut answer, request) = self.start(at);
                assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
                let told = read(&mut answer);
                self.told(at, &told, &request);
            }
            _ => assert_eq!(read(&mut stream).end.reason, EndReason::Ready),
        }
    }

    /// Something else than a generation.
    fn change(&mut self, at: usize) {
        let room = self.pairs.len() < SESSIONS;
        let pair = &mut self.pairs[at];
        match self.random.below(6) {
            0 if self.random.below(3) == 0 => {
                pair.session.clear().unwrap();
                pair.cleared();
            }
            1 if room => {
                let twin = pair.twin(pair.session.fork().unwrap());
                self.pairs.push(twin);
            }
            2 | 3 => {
                let known = self.random.below(pair.places.len() + 1);
                let any = self.random.below(pair.held.tokens.len() + 9);
                let count = pair.places.get(known).map_or(any, |place| place.tokens.len());
                let void = count > 0 && count < pair.void;
                let done = pair.session.rewind(count);
                assert_eq!(done.is_err(), void, "{count} of {}", pair.void);
                self.rest();
                let pair = &mut self.pairs[at];
                pair.rewound(count, pair.session.info().tokens);
            }
            _ => {
                let bytes = self.random.below(50);
                if pair.session.keep(bytes).is_ok() {
                    pair.kept(bytes);
                }
            }
        }
    }
}

impl Pair {
    fn twin(&self, session: Session) -> Self {
        let (held, places) = (self.held.clone(), self.places.clone());
        Self { session, held, places, ..*self }
    }

    /// The oldest exchanges went before a turn with a prompt of so many tokens.
    fn roll(&mut self, prompt: usize, at: usize) {
        let opened = 11;
        let size = |messages: &[Message]| ends(messages).last().map_or(0, |end| end + 2);
        let mut gone = false;
        while size(&self.held.messages) + opened != prompt && size(&self.held.messages) != prompt {
            let next = (2..self.held.messages.len()).find(|index| self.held.messages[*index].role == "user");
            let next = next.unwrap_or_else(|| panic!("{prompt} tokens of {at}: {:?}", self.held.messages));
            self.held.messages.drain(1..next);
            gone = true;
        }
        if gone {
            self.places.clear();
            self.void = prompt;
        }
    }
}

/// The twin's answer, of as many tokens.
fn ask_as(session: &Session, input: Input, request: &Request, count: usize) -> Told {
    let request = Request { input, max_tokens: count as u32, ..request.clone() };
    read(&mut session.generate(request, Reading::default()).unwrap())
}

#[test]
fn s57_whatever_is_done_with_sessions_they_say_what_twins_say_that_share_nothing() {
    let operations = std::env::var("WICK_OPERATIONS").ok().and_then(|number| number.parse().ok());
    let operations: usize = operations.unwrap_or(300);
    for (index, script) in kinds().iter().enumerate() {
        let mut world = World::new(script, 0x9E37_79B9_7F4A_7C15 + index as u64);
        world.pairs.push(Pair::new(&world.house.model, true));
        for _ in 0..operations {
            let _watchdog = watchdog();
            world.one();
        }
        world.pairs.clear();
        world.house.runtime.trim();
        world.rest();
        assert_eq!(world.house.runtime.info().kv_and_scratch_bytes, 0);
        world.house.close();
        world.alone.close();
    }
}
