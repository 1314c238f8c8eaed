//! Pieces by table, and that they do not depend on how the text arrives.

use super::{Cut, MAX_PIECE, Segments};
use proptest::prelude::*;

fn pieces(cut: Cut, parts: &[&str]) -> Vec<String> {
    let mut segments = Segments::new(cut).unwrap();
    let mut pieces = Vec::new();
    for part in parts {
        segments.push(part);
        pieces.extend(std::iter::from_fn(|| segments.next_piece()));
    }
    pieces.push(segments.rest());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// `|` stands between the expected pieces.
#[track_caller]
fn check(cut: Cut, expected: &str) {
    let text = expected.replace('|', "");
    assert_eq!(pieces(cut, &[&text]).join("|"), expected);
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    assert_eq!(pieces(cut, &letters).join("|"), expected, "letter by letter");
}

#[test]
fn sentences_of_many_languages() {
    for expected in [
        // English: abbreviations, initials, numbers, quotes, dots.
        "Hello there. |How are you? |Fine!",
        "Dr. Smith met Mrs. Jones at 5 p.m. |They spoke.",
        "Mr. J. K. Rowling lives at 3.14 Main St. in the U.S. Army base. |Yes.",
        "It was me and I. |Then he left.",
        "E.g. this, i.e. that, etc. and so on. |Done.",
        "See No. 5 and Fig. 3 of Vol. 2. |No. |I will not.",
        "It costs 3.50 dollars (approx. 3 euros). |Cheap!",
        "\"Stop!\" he said. |\"Why?\" |She ran.",
        "She said \"Stop.\" |Then she left.",
        "He asked, \"Are you there?\" and waited. |Nobody came.",
        "Really?! |Yes... maybe. |Well... |That is it.",
        "Wait… what? |Oh… |Fine.",
        "I thought. . . and then. |Good.",
        "Go to example.com or foo.bar?x=1 now. |Read it.",
        "He left. |(Nobody saw.) |She stayed.",
        "He left (etc. (as before) and so on). |Good.",
        "Use v1.2.3 of it. |42 people came. |99 left.",
        "**Bold.** |Next one. |_Done!_ |End",
        "Great! |😀 Now go.",
        "What?\" |Next",
        "It is 5 a.m. now. |OK.",
        // Lists, headings, lines.
        "1. First thing.\n|2. Second thing\n|- a third\n|\nThe end.",
        "# Title\n|\nText. |More.",
        "One line\r\n|another\r\n",
        // German.
        "Das ist z.B. gut, d.h. brauchbar. |Nun ja.",
        "Herr Dr. Müller kommt ca. um acht. |„Komm!“ sagte er. |„Gut.“ |Sie ging.",
        "Vgl. Abb. 3 und Nr. 7. |Fertig.",
        // French.
        "Bonjour ! |Ça va ? |Oui.",
        "« Viens ! » dit-il. |« Non. » |Elle part.",
        "M. Dupont et Mme. Durand sont là. |Voilà.",
        // Spanish.
        "Hola. |¿Qué tal? |¡Muy bien! |La Sra. García vino.",
        // Russian, Greek.
        "Это г. Москва и т.е. столица. |Да! |«Нет», — сказал он.",
        // Chinese and Japanese.
        "你好。|今天天气怎么样？|很好！|我们走吧",
        "他说：“你好。”|她笑了。|“再见。”",
        "他走了……然后回来了。|完",
        "こんにちは。|元気ですか？|はい。",
        "「行こう。」と彼は言った。|「はい。」|「いいえ。」",
        "価格は３．１４です。|次。",
        // Korean.
        "안녕하세요. |잘 지내요? |네!",
        // Hindi, Arabic, Urdu, Armenian, Burmese, Ethiopic.
        "यह अच्छा है। |वह भी।",
        "كيف حالك؟ |أنا بخير. |شكرا",
        "یہ اچھا ہے۔ |وہ بھی۔",
        "Բարեւ։ |Ինչպես ես։",
        "ሰላም። |እንዴት ነህ፧ |ደህና",
        // Thai: by spaces between words, not beside numbers and marks.
        "วันนี้อากาศดีมากเลยครับ |พรุ่งนี้ฝนจะตกหนักนะครับ |ราคา 50 บาท",
        "เด็ก ๆ ชอบเล่นในสวนสาธารณะ |แล้วก็กลับบ้าน",
    ] {
        check(Cut::Sentence, expected);
    }
}

#[test]
fn words_keep_the_space_behind_them() {
    for expected in [
        "Hello, |world! |It's |3.14 |(or |so).",
        "  two  |spaces\n\n|here ",
        "我|喜|欢|这|本|书。|好",
        "こ|れ",
        "カタカナ|と|漢|字|「読|む」|foo(bar)",
        "GPT|は|2026|年",
        "สวัสดี |ครับ",
        "👩‍👩‍👧 |e\u{301}t\u{e9}",
    ] {
        check(Cut::Word, expected);
    }
}

#[test]
fn lines_keep_their_ends() {
    for expected in ["a\n|\n|b", "a\r\n|b\r|c\u{2028}|d", "\n|", "no end", "x\r|\r\n|"] {
        check(Cut::Line, expected.trim_end_matches('|'));
    }
}

#[test]
fn a_long_piece_is_cut_at_white_space_or_between_characters() {
    for cut in [Cut::Word, Cut::Line, Cut::Sentence] {
        let words = "word ".repeat(200);
        let whole = pieces(cut, &[&words]);
        assert!(
            whole.iter().all(|piece| piece.chars().count() <= MAX_PIECE && piece.ends_with(' ')),
            "{cut:?}"
        );
        assert_eq!(whole.concat(), words);
    }
    // Where a sentence may end, it does.
    let long = format!("{}. (", "x".repeat(392));
    assert_eq!(pieces(Cut::Sentence, &[&long, "((((((((((y"])[0].chars().count(), 394);
}

// What a mark is, is known with texts only.
#[cfg(feature = "text")]
#[test]
fn a_character_of_two_code_points_is_not_taken_apart() {
    for cut in [Cut::Word, Cut::Line, Cut::Sentence] {
        let letters = "e\u{301}".repeat(700);
        for piece in pieces(cut, &[&letters]) {
            assert!(piece.starts_with('e') && piece.chars().count() <= MAX_PIECE, "{cut:?}");
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(". "),
        Just("."),
        Just("! "),
        Just("?"),
        Just("… "),
        Just("\""),
        Just("“"),
        Just("”"),
        Just("("),
        Just(") "),
        Just("Dr"),
        Just("etc"),
        Just("a"),
        Just("B"),
        Just("7"),
        Just(" "),
        Just("\n"),
        Just("\r"),
        Just("。"),
        Just("」"),
        Just("と"),
        Just("字"),
        Just("ไทย"),
        Just("ๆ"),
        Just("😀"),
        Just("e\u{301}"),
        Just("\u{200d}"),
        Just(", "),
        Just("word "),
    ];
    prop_oneof![
        prop::collection::vec(part.clone(), 0..60).prop_map(|parts| parts.concat()),
        prop::collection::vec(part, 300..900).prop_map(|parts| parts.concat()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn pieces_are_all_of_the_text_and_the_same_for_every_split(
        text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        cut in prop_oneof![Just(Cut::Word), Just(Cut::Line), Just(Cut::Sentence)],
    ) {
        let whole = pieces(cut, &[&text]);
        prop_assert_eq!(whole.concat(), text.clone());
        prop_assert!(whole.iter().all(|piece| piece.chars().count() <= MAX_PIECE));
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut ends: Vec<usize> = match places.is_empty() {
            true => Vec::new(),
            false => cuts.iter().map(|index| places[index.index(places.len())]).collect(),
        };
        ends.push(text.len());
        ends.sort_unstable();
        let mut done = 0;
        let parts: Vec<&str> = ends.iter().map(|&end| &text[std::mem::replace(&mut done, end)..end]).collect();
        prop_assert_eq!(pieces(cut, &parts), whole.clone());
        let letters: Vec<&str> = places.iter().map(|&at| &text[at..at + text[at..].chars().next().unwrap().len_utf8()]).collect();
        prop_assert_eq!(pieces(cut, &letters), whole);
    }
}
