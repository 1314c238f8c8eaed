//! Reads `include/wick.h`, and only what it is made of, into JSON: constants, types and functions with their
//! docs. Strict: whatever it does not know is a panic, so that nothing is left out in silence.

use serde_json::{Value, json};

/// What a header declares, each list in its order.
#[derive(Default)]
pub struct Items {
    /// The lines of its first comment, which hold for all of it.
    pub rules: Vec<String>,
    /// `{name, value, doc}`.
    pub constants: Vec<Value>,
    /// `{name, type, doc}`: a name for an integer.
    pub aliases: Vec<Value>,
    /// `{name, type, doc}`: pointers to functions of the host.
    pub callbacks: Vec<Value>,
    /// `{name, doc, fields: [{name, type, doc}]}`.
    pub structs: Vec<Value>,
    /// `{name, doc, returns, parameters: [{name, type}]}`.
    pub functions: Vec<Value>,
}

/// A piece of the header.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Comment(String),
    Define(String, String),
    Word(String),
    Mark(char),
}

/// The items of a header.
pub fn items(header: &str) -> Items {
    let (first, rest) = header.split_once("*/").expect("a first comment");
    let mut reader = Reader { tokens: tokens(&without_guards(rest)), at: 0 };
    // The first two lines say where the header comes from.
    let lines = first.lines().skip(2).map(|line| line.trim_start_matches(" *"));
    let rules = lines.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned());
    let mut items = Items { rules: rules.collect(), ..Items::default() };
    while reader.at < reader.tokens.len() {
        let doc = reader.doc();
        reader.item(&mut items, doc);
    }
    items
}

/// Without what is for the compiler: guards, includes, what C++ sees, bodies.
fn without_guards(header: &str) -> String {
    let mut kept = String::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        match line {
            "#ifdef __cplusplus" => _ = lines.by_ref().find(|line| line.starts_with("#endif")),
            "#ifndef WICK_NO_INLINE" => {
                _ = lines.by_ref().find(|line| *line == "#endif");
                // The body's comment is the last.
                kept.truncate(kept.rfind("/*").expect("a comment of the body"));
            }
            "#ifndef WICK_H" | "#define WICK_H" | "#endif  /* WICK_H */" => {}
            _ if line.starts_with("#include <") => {}
            _ => kept.extend([line, "\n"]),
        }
    }
    kept
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end;
        if let Some(comment) = rest.strip_prefix("/*") {
            let (inside, _) = comment.split_once("*/").expect("an end of a comment");
            end = inside.len() + 4;
            tokens.push(Token::Comment(reflowed(inside)));
        } else if let Some(define) = rest.strip_prefix("#define ") {
            let line = define.lines().next().unwrap_or_default();
            end = line.len() + 8;
            let (name, value) = line.split_once(' ').expect("a value of a constant");
            tokens.push(Token::Define(name.to_owned(), value.trim().to_owned()));
        } else if first.is_ascii_alphanumeric() || first == '_' {
            end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
        } else {
            assert!("*(){}[];,".contains(first), "wick.h has {:?}", rest.lines().next());
            end = 1;
            tokens.push(Token::Mark(first));
        }
        rest = rest[end..].trim_start();
    }
    tokens
}

/// A comment's paragraphs, each as one line.
fn reflowed(comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines().map(|line| line.trim().trim_start_matches('*').trim()) {
        match line {
            "" if text.is_empty() => {}
            "" => text.push_str("\n\n"),
            _ if text.is_empty() || text.ends_with('\n') => text.push_str(line),
            _ => text.extend([" ", line]),
        }
    }
    text.trim_end().to_owned()
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn next(&mut self) -> Token {
        self.at += 1;
        self.tokens.get(self.at - 1).expect("the end comes too early").clone()
    }

    fn takes(&mut self, mark: char) -> bool {
        let there = self.peek(0) == Some(&Token::Mark(mark));
        self.at += usize::from(there);
        there
    }

    fn mark(&mut self, mark: char) {
        let found = self.next();
        assert_eq!(found, Token::Mark(mark), "behind {:?}", &self.tokens[self.at.saturating_sub(8)..self.at]);
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(0), Some(Token::Word(found)) if found == word);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            other => panic!("a word was to come, not {other:?}"),
        }
    }

    fn doc(&mut self) -> String {
        match self.next() {
            Token::Comment(text) => text,
            other => panic!("{other:?} has no comment"),
        }
    }

    fn item(&mut self, items: &mut Items, doc: String) {
        if let Some(Token::Define(name, value)) = self.peek(0).cloned() {
            self.at += 1;
            return items.constants.push(json!({ "name": name, "value": number(&value), "doc": doc }));
        }
        if !self.takes_word("typedef") {
            return self.function(items, doc);
        }
        if self.takes_word("struct") {
            let name = self.word();
            self.mark('{');
            let mut fields = Vec::new();
            while !self.takes('}') {
                let doc = self.doc();
                let (name, kind) = self.declared();
                self.mark(';');
                fields.push(json!({ "name": name, "type": kind, "doc": doc }));
            }
            assert_eq!(self.word(), name, "the name behind a struct");
            items.structs.push(json!({ "name": name, "doc": doc, "fields": fields }));
        } else {
            let (name, kind) = self.declared();
            let list = if kind["kind"] == "function" { &mut items.callbacks } else { &mut items.aliases };
            list.push(json!({ "name": name, "type": kind, "doc": doc }));
        }
        self.mark(';');
    }

    fn function(&mut self, items: &mut Items, doc: String) {
        let returns = self.kind();
        let name = self.word();
        let parameters = self.parameters();
        self.mark(';');
        items
            .functions
            .push(json!({ "name": name, "doc": doc, "returns": returns, "parameters": parameters }));
    }

    /// A type and the name in it: `T name`, `T name[3]`, `T (*name)(…)`.
    fn declared(&mut self) -> (String, Value) {
        let kind = self.kind();
        if self.takes('(') {
            self.mark('*');
            let name = self.word();
            self.mark(')');
            let parameters = self.parameters();
            return (name, json!({ "kind": "function", "returns": kind, "parameters": parameters }));
        }
        let name = self.word();
        if !self.takes('[') {
            return (name, kind);
        }
        let count = number(&self.word());
        self.mark(']');
        (name, json!({ "kind": "array", "of": kind, "count": count }))
    }

    fn parameters(&mut self) -> Vec<Value> {
        let mut parameters = Vec::new();
        self.mark('(');
        if self.peek(1) == Some(&Token::Mark(')')) && self.takes_word("void") {
            self.mark(')');
            return parameters;
        }
        loop {
            let (name, kind) = self.declared();
            parameters.push(json!({ "name": name, "type": kind }));
            if self.takes(')') {
                return parameters;
            }
            self.mark(',');
        }
    }

    fn kind(&mut self) -> Value {
        let constant = self.takes_word("const");
        let is_struct = self.takes_word("struct");
        let name = self.word();
        let mut kind = match name.as_str() {
            "void" | "char" | "float" if !is_struct => json!({ "kind": name }),
            "int32_t" | "int64_t" | "uint8_t" | "uint16_t" | "uint32_t" | "uint64_t" | "size_t" => {
                json!({ "kind": name.trim_end_matches("_t") })
            }
            _ if is_struct => json!({ "kind": "struct", "name": name }),
            _ if name.ends_with("_fn") => json!({ "kind": "callback", "name": name }),
            "wick_status" => json!({ "kind": "alias", "name": name }),
            _ => panic!("wick.h has the type {name:?}"),
        };
        let mut first = true;
        while self.takes('*') {
            kind = json!({ "kind": "pointer", "const": constant && first, "to": kind });
            first = false;
        }
        assert!(!(constant && first), "const {name}");
        kind
    }
}

/// A constant's value: decimal, or hexadecimal with a suffix.
fn number(text: &str) -> Value {
    let digits = text.trim_end_matches(['u', 'l']);
    match digits.strip_prefix("0x") {
        Some(digits) => json!(u64::from_str_radix(digits, 16).expect("hexadecimal")),
        None => json!(digits.parse::<i64>().expect("a number")),
    }
}
