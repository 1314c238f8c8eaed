//! What a save holds comes back; one that is cut off, changed, another's or a later release's is refused with
//! the place of it.

use crate::support::fuzz::saves::judge;
use serde_json::json;
use std::sync::Arc;
use wick::error::{Error, ErrorKind, Result};
use wick::kv::{CacheSpec, Group, Image, Keeps};
use wick::store::parts::{put_together, take_apart};
use wick::store::{
    Adapter, Control, Gone, LastAnswer, Mode, Model, Opened, Past, PastGroup, Place, Places, Records, Said,
    Session, Variables, head,
};
use wick::text::{Message, Unfinished};

pub fn model() -> Model {
    Model {
        architecture: "llama".into(),
        name: "a \"model\"".into(),
        quantisation: "Q4_1".into(),
        parameters: 134_515_008,
        vocab_size: 1000,
        vocabulary: 1 << 100,
        weights: 7,
    }
}

/// A session with something everywhere.
pub fn session() -> Session {
    let said =
        |role: &str, content: &str| Message { role: role.into(), content: content.into(), extra: None };
    let extra = json!({"tool_calls": [{"name": "add", "arguments": {"a": 1}}], "content": null});
    let tool = Message { extra: extra.as_object().cloned(), ..said("tool", "") };
    let controls = vec![Control { at: 0, id: 3, shown: false }, Control { at: 5, id: 4, shown: true }];
    Session {
        context_length: Some(4096),
        mode: Mode::Chat,
        system: Some("You are a pirate. é".into()),
        own: Variables { tools: Some(Arc::new(json!([{"name": "add"}]))), template: None },
        in_force: Variables {
            tools: None,
            template: Some(Arc::new(json!({"enable_thinking": false}).as_object().cloned().unwrap())),
        },
        clock: Some(-1),
        messages: vec![
            Said { message: said("user", "Hi"), controls: None },
            Said { message: said("assistant", "Ahoy <x>"), controls: Some(controls) },
            Said { message: tool, controls: None },
            Said { message: said("assistant", ""), controls: Some(Vec::new()) },
        ],
        unfinished: Unfinished::from_bytes(&[0xf0, 0x9f]).expect("the beginning of a character"),
        overflow: 1,
        pinned_messages: 2,
        gone: Gone { messages: 4, tokens: 90, since: 60 },
        adapter: Some(Adapter { content: 5, scale: 0.5 }),
    }
}

/// Where [`session`] can go back to, with [`tokens`].
pub fn places() -> Places {
    let (Variables { tools, .. }, Variables { template, .. }) = (session().own, session().in_force);
    let first = Variables {
        tools: tools.clone(),
        template: Some(Arc::new(json!({"a": 1}).as_object().unwrap().clone())),
    };
    let answer = |begin| LastAnswer { begin: Some(begin), is_older: false };
    let places = [
        Place { messages: 1, content: 2, shared: 20, variables: first.clone(), ..Place::default() },
        Place {
            messages: 2,
            content: 4,
            controls: 1,
            thought: 7,
            calls: 2,
            shared: 18,
            tail: vec![1, 2],
            ..Place::default()
        },
        Place {
            messages: 2,
            content: 8,
            controls: 2,
            shared: 10,
            tail: vec![999, 0, 5],
            answer: answer(12),
            variables: Variables { template, ..first.clone() },
            ..Place::default()
        },
        Place {
            messages: 4,
            unfinished: session().unfinished,
            shared: 75,
            answer: LastAnswer { is_older: true, ..answer(70) },
            variables: first,
            ..Place::default()
        },
    ];
    Places { answer: answer(75), all: places.into() }
}

/// Keys and values of every kind, of 70 tokens.
pub fn past() -> Past {
    let kinds = [Keeps::All, Keeps::Window(20), Keeps::State];
    let group = |(keeps, bytes): (Keeps, usize)| PastGroup { keeps, bytes };
    let groups: Vec<_> = kinds.into_iter().zip([48, 32, 5]).map(group).collect();
    let of_spec = kinds.iter().map(|keeps| Group { keeps: *keeps, bytes: 1 }).collect();
    let spec = CacheSpec { block: 32, groups: of_spec, shares: true, rewinds: true };
    Past {
        layout: "test".into(),
        block: 32,
        groups,
        image: Image::new(&spec, 70, vec![64, 70]).beginning_at(1, 0),
    }
}

/// A whole save, its records filled with something.
pub fn save(session: &Session, tokens: &[u32], places: Option<Places>, past: Option<Past>) -> Vec<u8> {
    let head = head(&model(), session, tokens, places.as_ref(), past.as_ref()).expect("a head");
    let mut bytes = head.bytes;
    if let Some(past) = past {
        let total: usize = past.image.parts().map(|part| past.bytes(part)).sum();
        let contents: Vec<u8> = (0..total).map(|index| (index * 31) as u8).collect();
        let mut records = Records::new(past);
        // In pieces that end anywhere.
        contents.chunks(17).for_each(|piece| records.write(piece, &mut bytes).expect("memory"));
        assert_eq!(records.left(), None);
    }
    assert_eq!(bytes.len() as u64, head.size);
    bytes
}

pub fn tokens() -> Vec<u32> {
    (0..75).map(|index| index * 13 % 1000).collect()
}

fn reader(save: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<()> + '_ {
    move |offset, to| {
        let from = save.get(offset as usize..offset as usize + to.len());
        to.copy_from_slice(from.ok_or_else(|| Error::new(ErrorKind::Io, "beyond the end"))?);
        Ok(())
    }
}

#[test]
fn what_was_saved_comes_back() {
    let save = save(&session(), &tokens(), Some(places()), Some(past()));
    assert!(judge(&save));
    let mut read = reader(&save);
    let opened = Opened::read(save.len() as u64, &mut read).expect("a save");
    assert_eq!(opened.model(&mut read).expect("a model"), model());
    assert_eq!(opened.session(&mut read).expect("a session"), session());
    assert_eq!(opened.tokens(1000, &mut read).expect("tokens"), tokens());
    let known = opened.places(&session(), 75, 1000, &mut read).expect("places");
    assert_eq!(known, Some(places()));
    // What places have in common is there once.
    let of_places = &take_apart(&save).expect("a save")[3].2;
    assert_eq!(of_places.windows(5).filter(|bytes| *bytes == b"\"add\"").count(), 1);
    let (known, _) = opened.past(75, &mut read).expect("a description").expect("a past");
    assert_eq!(known, past());
    let plain = self::save(&Session::default(), &[], None, None);
    assert!(judge(&plain));
    let opened = Opened::read(plain.len() as u64, &mut reader(&plain)).expect("a save");
    assert_eq!(opened.session(&mut reader(&plain)).expect("a session"), Session::default());
    assert_eq!(opened.past(0, &mut reader(&plain)).expect("none"), None);
    let none = opened.places(&Session::default(), 0, 1000, &mut reader(&plain));
    assert_eq!(none.expect("none"), None);
}

/// What reading all of it comes to.
fn refusal(save: &[u8], tokens: usize) -> Option<Error> {
    let mut read = reader(save);
    let mut all = || {
        let opened = Opened::read(save.len() as u64, &mut read)?;
        opened.model(&mut read)?;
        let session = opened.session(&mut read)?;
        opened.tokens(1000, &mut read)?;
        opened.places(&session, tokens, 1000, &mut read)?;
        let Some((past, mut offset)) = opened.past(tokens, &mut read)? else { return Ok(()) };
        let mut records = Records::new(past);
        while let Some(left) = records.left() {
            let mut contents = vec![0; left + Records::CHECKSUM];
            read(offset, &mut contents)?;
            offset += contents.len() as u64;
            let sum = contents.split_off(left);
            records.take(&contents);
            records.check(sum.try_into().unwrap(), offset - Records::CHECKSUM as u64)?;
        }
        Ok(())
    };
    all().err()
}

#[test]
fn a_save_that_is_cut_off_anywhere_is_refused() {
    let save = save(&session(), &tokens(), Some(places()), Some(past()));
    for length in 0..save.len() {
        let error = refusal(&save[..length], 75).unwrap_or_else(|| panic!("cut to {length}"));
        assert_eq!(error.kind(), ErrorKind::Io, "{length}: {error}");
        assert!(error.message().contains("the save is damaged: header, at byte "), "{error}");
    }
    let longer = [&save[..], &[0]].concat();
    assert_eq!(refusal(&longer, 75).expect("too long").kind(), ErrorKind::Io);
}

#[test]
fn every_bit_of_a_save_is_under_a_checksum_and_the_message_says_where() {
    let save = save(&session(), &tokens(), Some(places()), Some(past()));
    let sections = take_apart(&save).expect("a save");
    assert_eq!(sections.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [1, 2, 3, 6, 4, 5]);
    let names = ["model", "session", "tokens", "places", "keys and values", "blocks"];
    for byte in 0..save.len() {
        let mut changed = save.clone();
        changed[byte] ^= 1 << (byte % 8);
        let error = refusal(&changed, 75).unwrap_or_else(|| panic!("byte {byte} changed"));
        let version = (8..12).contains(&byte) && error.kind() == ErrorKind::Unsupported;
        assert!(error.kind() == ErrorKind::Io || version, "{byte}: {error}");
        // Where the section is, and which.
        let mut end = 32 + 24 * sections.len();
        let section = sections.iter().zip(names).find_map(|((kind, _, bytes), name)| {
            end += bytes.len() + if *kind == 5 { 0 } else { 8 };
            (byte < end).then_some(name)
        });
        let expected = if byte < 32 + 24 * sections.len() { "header" } else { section.expect("a section") };
        let place = format!("the save is damaged: {expected}, at byte ");
        assert!(version || error.message().contains(&place), "{byte}: {error} is not in {expected}");
    }
}

#[test]
fn others_and_later_releases_saves_are_refused_by_what_they_are() {
    for stranger in [
        &b"GGUF\x03\0\0\0 and more bytes than a header has, all in all"[..],
        b"\x89PNG\r\n\x1a\n and more bytes than a header has, all in all",
    ] {
        let error = refusal(stranger, 0).expect("no save");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.message().contains("is no save of wick"), "{error}");
    }
    let save = save(&session(), &tokens(), Some(places()), None);
    let sections = take_apart(&save).expect("a save");
    assert!(judge(&put_together(1, &sections)));
    let error = refusal(&put_together(2, &sections), 75).expect("a later one");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("version 2") && error.message().contains("later release"), "{error}");
    let with = |number, flags| [&sections[..], &[(number, flags, vec![1, 2, 3])]].concat();
    let error = refusal(&put_together(1, &with(77, 0)), 75).expect("a later section");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("section 77"), "{error}");
    assert!(judge(&put_together(1, &with(77, 1))), "it may be passed over");
    let mut fields = sections.clone();
    fields[1].2.extend([99u32.to_le_bytes(), 0u32.to_le_bytes()].concat());
    let error = refusal(&put_together(1, &fields), 75).expect("a later field");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("field 99"), "{error}");
}

#[test]
fn another_model_is_refused_by_what_differs() {
    let here = model();
    assert!(here.check(&Model { name: "renamed".into(), quantisation: "?".into(), ..model() }).is_ok());
    for (other, what) in [
        (Model { architecture: "qwen2".into(), ..model() }, "architecture"),
        (Model { parameters: 1, ..model() }, "parameters"),
        (Model { vocab_size: 999, ..model() }, "vocabulary"),
        (Model { vocabulary: 0, ..model() }, "vocabulary"),
        (Model { weights: 8, ..model() }, "weights"),
    ] {
        let error = other.check(&here).expect_err("another model");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(what), "{error}");
    }
}

#[test]
fn a_session_that_no_save_holds_is_refused_when_it_is_written() {
    let deep = (0..41).fold(json!(1), |inner, _| json!([inner]));
    let tools = |value| Variables { tools: Some(Arc::new(value)), template: None };
    for (session, what) in [
        (Session { own: tools(deep), ..session() }, "41 deep"),
        (Session { system: Some("x".repeat(65 << 20)), ..session() }, "bytes"),
        (Session { in_force: tools(json!(vec![1; 300_000])), ..session() }, "JSON"),
    ] {
        let error = head(&model(), &session, &[], None, None).err().expect("too much");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(what), "{error}");
    }
}

/// A save of [`session`] with other places, under checksums that fit.
fn with_places(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut sections = take_apart(&save(&session(), &tokens(), Some(places()), None)).expect("a save");
    change(&mut sections[3].2);
    put_together(1, &sections)
}

/// One field.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    [&number.to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// A place with so many messages, of the last so many bytes, and so many of the session's tokens.
fn place([messages, content, shared]: [u64; 3], more: &[u8]) -> Vec<u8> {
    let said = [messages, content, 0].map(u64::to_le_bytes).concat();
    field(4, &[&field(1, &said)[..], &field(3, &shared.to_le_bytes()), more].concat())
}

#[test]
fn places_that_no_such_session_has_are_refused_by_what_is_wrong() {
    let begin = |begin: u64, older: u32| [&begin.to_le_bytes()[..], &older.to_le_bytes()].concat();
    let ids = |ids: &[u32]| ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>();
    let faults: [(Vec<u8>, &str); 15] = [
        (place([5, 0, 75], &[]), "more messages than the session"),
        (place([u64::MAX, 0, 75], &[]), "more messages than the session"),
        (place([4, 1, 75], &[]), "beyond its text"),
        (place([0, 1, 75], &[]), "beyond its text"),
        (place([4, u64::MAX, 75], &[]), "beyond its text"),
        (place([4, 0, 76], &[]), "more of the session's tokens"),
        (place([4, 0, u64::MAX], &[]), "more of the session's tokens"),
        (place([4, 0, 5], &field(4, &ids(&[3, 1000]))), "beyond the vocabulary"),
        (place([4, 0, 5], &field(4, &[1, 2, 3])), "another size"),
        (place([4, 0, 5], &field(5, &begin(6, 0))), "begins beyond its tokens"),
        (place([4, 0, 5], &field(5, &begin(5, 2))), "older or not"),
        (place([4, 0, 5], &field(6, &1u32.to_le_bytes())), "nothing of that number"),
        (place([3, 0, 75], &[]), "before the last one"),
        (field(1, &begin(76, 0)), "beyond the session's tokens"),
        (field(2, b"[1,"), "not JSON"),
    ];
    for (more, what) in faults {
        let error = refusal(&with_places(|places| places.extend(&more)), 75).expect(what);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.message().contains("the save is damaged: places, at byte "), "{error}");
        assert!(error.message().contains(what), "{what}: {error}");
    }
    // Without others in front of it nothing comes too early.
    assert!(judge(&with_places(|places| *places = place([3, 0, 75], &[]))));
    let later = refusal(&with_places(|places| places.extend(field(9, &[]))), 75).expect("a later field");
    assert_eq!(later.kind(), ErrorKind::Unsupported);
    assert!(judge(&with_places(|places| places.extend(field(9 | 1 << 31, &[])))));
    // Cut off anywhere but behind a whole field.
    let whole = take_apart(&with_places(|_| {})).expect("a save")[3].2.clone();
    let mut ends = Vec::new();
    let mut at = 0;
    while at < whole.len() {
        at += 8 + u32::from_le_bytes(whole[at + 4..at + 8].try_into().unwrap()) as usize;
        ends.push(at);
    }
    for length in 1..whole.len() {
        let refused = refusal(&with_places(|places| places.truncate(length)), 75);
        assert_eq!(refused.is_none(), ends.contains(&length), "{length}: {refused:?}");
    }
}

#[test]
fn a_place_inside_of_a_character_is_refused() {
    let mut session = session();
    session.messages[3].message.content = "é".into();
    let places = Places { all: vec![Place { messages: 4, ..Place::default() }], ..Places::default() };
    let save = save(&session, &tokens(), Some(places), None);
    let mut sections = take_apart(&save).expect("a save");
    for (content, fits) in [(0, true), (1, false), (2, true)] {
        sections[3].2 = place([4, content, 3], &[]);
        assert_eq!(refusal(&put_together(1, &sections), 75).is_none(), fits);
    }
}

#[test]
fn places_that_a_save_has_no_room_for_are_left_out_the_oldest_first() {
    let variables = |number: usize| Variables {
        tools: Some(Arc::new(json!([format!("{number}"), "x".repeat(1 << 20)]))),
        template: None,
    };
    let place = |number: usize| Place { variables: variables(number), ..Place::default() };
    let all: Vec<_> = (0..12).map(place).collect();
    let places = Places { answer: LastAnswer::default(), all: all.clone() };
    let save = save(&Session::default(), &tokens(), Some(places), None);
    let mut read = reader(&save);
    let opened = Opened::read(save.len() as u64, &mut read).expect("a save");
    let kept = opened.places(&Session::default(), 75, 1000, &mut read).expect("places").expect("some");
    assert_eq!(kept.all, all[5..]);
}
