//! Inside a room (a folder of `src/`) no two files name each other, not even by way of others; and no file
//! grows too long.

use crate::files::{files, read};
use crate::floors::code;
use std::collections::{BTreeMap, BTreeSet};

/// The files that are allowed to name each other in a circle: a stream's state, its reader and its place in a
/// queue are one machine.
const CIRCLES: [(&str, &[&str]); 1] = [("stream", &["queue", "reader", "shared", "turns"])];

/// Lines that a file may have.
const MOST_LINES: usize = 500;

/// What may have more: the header that is generated from `src/ffi`.
const LONGER: [&str; 1] = ["include/wick.h"];

/// What a room's own file (`mod.rs`, `main.rs`) is called among the modules in it.
const OWN: &str = "mod";

type Path = Vec<String>;

/// The modules of a tree: code without comments, texts and inline tests, by path.
struct Tree(BTreeMap<Path, String>);

/// A path that a module names, from the root, and whether it only hands it on (`pub use`).
struct Named {
    path: Path,
    handed_on: bool,
}

impl Tree {
    /// Of the library's and the command's files.
    fn read() -> Self {
        let sources = files(&["src"], "rs").into_iter();
        Self::of(sources.map(|file| (file.trim_start_matches("src/").to_owned(), read(&file))))
    }

    fn of(sources: impl Iterator<Item = (String, String)>) -> Self {
        let modules = sources.map(|(file, source)| {
            let mut path: Path = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if path.last().is_some_and(|last| ["mod", "main", "lib"].contains(&last.as_str())) {
                path.pop();
            }
            let product = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            (path, code(product))
        });
        Self(modules.filter(|(path, _)| !path.iter().any(|name| name == "tests")).collect())
    }

    fn children(&self, room: &[String]) -> BTreeSet<&str> {
        let below = self.0.keys().filter(|path| path.len() > room.len() && path.starts_with(room));
        below.map(|path| path[room.len()].as_str()).collect()
    }

    /// What the module names of this tree: paths that begin with `crate`, `super`, `self` or one of its
    /// children.
    fn named(&self, module: &Path) -> Vec<Named> {
        let (code, mut named) = (&self.0[module], Vec::new());
        let outside = &module[..module.len().saturating_sub(1)];
        let mut heads: Vec<(&str, &[String])> = vec![("crate", &[]), ("super", outside), ("self", module)];
        // The root's own file is the list of floors.
        let children = if module.is_empty() { BTreeSet::new() } else { self.children(module) };
        let children: Vec<Path> =
            children.iter().map(|child| [&module[..], &[(*child).to_owned()]].concat()).collect();
        heads.extend(children.iter().map(|child| (child[module.len()].as_str(), &child[..])));
        for (head, from) in heads {
            for (at, _) in code.match_indices(&format!("{head}::")) {
                let before = &code[..at];
                if before.ends_with(|last: char| last.is_alphanumeric() || "_:.".contains(last)) {
                    continue;
                }
                let mut paths = Vec::new();
                expand(&code[at + head.len() + 2..], from, &mut paths);
                let statement = before.rsplit([';', '}', '{']).next().unwrap_or_default().trim();
                let handed_on = statement.ends_with("use") && statement.contains("pub");
                named.extend(paths.into_iter().map(|path| Named { path, handed_on }));
            }
        }
        named
    }

    /// The module that defines what `path` names: through what modules hand on.
    fn definer(&self, path: &[String], most: usize) -> Path {
        let known = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]));
        let Some(module) = known.map(|length| path[..length].to_vec()) else { return Path::new() };
        let Some(item) = path.get(module.len()).filter(|_| most > 0) else { return module };
        let handed_on = self.named(&module).into_iter().filter(|named| named.handed_on);
        match handed_on
            .map(|named| named.path)
            .find(|path| path.last() == Some(item) && path.len() > module.len() + 1)
        {
            Some(path) => self.definer(&path, most - 1),
            None => module,
        }
    }

    /// By room: which of its modules name which others.
    fn arrows(&self) -> BTreeMap<String, BTreeSet<(String, String)>> {
        let mut rooms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for module in self.0.keys() {
            for named in self.named(module).into_iter().filter(|named| !named.handed_on) {
                let to = self.definer(&named.path, 8);
                let common = module.iter().zip(&to).take_while(|(one, other)| one == other).count();
                let within = |path: &Path| path.get(common).cloned().unwrap_or_else(|| OWN.to_owned());
                let arrow = (within(module), within(&to));
                if common > 0 && arrow.0 != arrow.1 {
                    rooms.entry(module[..common].join("/")).or_default().insert(arrow);
                }
            }
        }
        rooms
    }
}

/// Reads the path or the group of paths that `text` begins with, each behind `from`; returns what follows.
fn expand<'a>(text: &'a str, from: &[String], found: &mut Vec<Path>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([',', ' ', '\n']);
            let next = expand(rest, from, found);
            let alias = next.trim_start().strip_prefix("as ").map(|alias| alias.trim_start());
            let next = alias
                .map_or(next, |alias| alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
            if next.len() == rest.len() || next.trim_start().starts_with('}') {
                return next.trim_start().strip_prefix('}').unwrap_or_default();
            }
            rest = next;
        }
    }
    let length = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let path = match name {
        "" => return text,
        "super" => from[..from.len().saturating_sub(1)].to_vec(),
        "self" => from.to_vec(),
        name => [from, &[name.to_owned()]].concat(),
    };
    match rest.strip_prefix("::") {
        Some(rest) => expand(rest, &path, found),
        None => {
            found.push(path);
            rest
        }
    }
}

/// The groups of modules in which each leads to each other.
fn circles(arrows: &BTreeSet<(String, String)>) -> BTreeSet<BTreeSet<&str>> {
    let reached = |start: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(at) = open.pop() {
            let next = arrows.iter().filter(|(from, _)| *from == at).map(|(_, to)| to.as_str());
            open.extend(next.filter(|to| seen.insert(*to)).map(str::to_owned));
        }
        seen
    };
    let from = |start: &str| -> BTreeSet<&str> {
        let back = |other: &&str| reached(other).contains(start);
        reached(start).into_iter().filter(back).collect()
    };
    arrows.iter().map(|(start, _)| from(start)).filter(|circle| circle.len() > 1).collect()
}

/// The circles of a tree, as `room: module, module`.
fn all_circles(tree: &Tree) -> Vec<String> {
    let rooms = tree.arrows();
    let lines = rooms.iter().flat_map(|(room, arrows)| {
        circles(arrows)
            .into_iter()
            .map(move |circle| format!("{room}: {}", circle.into_iter().collect::<Vec<_>>().join(", ")))
    });
    lines.collect()
}

#[test]
fn no_files_of_a_room_name_each_other_in_a_circle() {
    let tree = Tree::read();
    assert!(tree.arrows().len() > 10, "only {} rooms were found", tree.arrows().len());
    let allowed: Vec<String> = CIRCLES.map(|(room, files)| format!("{room}: {}", files.join(", "))).to_vec();
    assert_eq!(all_circles(&tree), allowed, "a circle: move what both sides need to a file below them");
}

#[test]
fn no_file_is_longer_than_it_may_be() {
    let sources = ["rs", "c", "h", "cpp", "hpp"].into_iter();
    let long: Vec<String> = sources
        .flat_map(|kind| files(&["src", "tests", "benches", "examples", "include"], kind))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, file)| *lines > MOST_LINES && !LONGER.contains(&file.as_str()))
        .map(|(lines, file)| format!("{file}: {lines} lines"))
        .collect();
    assert!(
        long.is_empty(),
        "more than {MOST_LINES} lines, so there is a missing concept:\n{}",
        long.join("\n")
    );
}

fn tree(sources: &[(&str, &str)]) -> Tree {
    Tree::of(sources.iter().map(|(file, source)| ((*file).to_owned(), (*source).to_owned())))
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let lower = ("room/lower.rs", "pub struct Lower; fn f() { super::upper::f() }");
    for upper in [
        "use super::lower::Lower;",
        "use crate::room::lower::Lower;",
        "use crate::{other::A, room::{x::{B, C}, lower::Lower as L}};",
        "fn f(_: &super::Lower) {}",
        "use super::super::room::{Lower};",
    ] {
        let own = ("room/mod.rs", "mod lower; mod upper; pub use lower::Lower;");
        let found = all_circles(&tree(&[own, lower, ("room/upper.rs", upper)]));
        assert_eq!(found, ["room: lower, upper"], "{upper}");
    }
    let through = [
        ("room/mod.rs", "mod a; pub const MOST: u32 = 1; fn f() { a::f() }"),
        ("room/a/mod.rs", "mod b; use b::f;"),
        ("room/a/b.rs", "pub fn f() -> u32 { crate::room::MOST }"),
    ];
    assert_eq!(all_circles(&tree(&through)), ["room: a, mod"]);
}

#[test]
fn what_goes_one_way_or_is_only_written_about_is_no_circle() {
    let fine = [
        ("room/mod.rs", "mod lower; mod upper; pub use lower::Lower; pub(crate) use upper::{Upper, f};"),
        (
            "room/lower.rs",
            "//! Not super::upper::Upper.\npub struct Lower;\n#[cfg(test)]\nmod tests { use super::super::upper::Upper; }",
        ),
        ("room/upper.rs", "use super::{Lower, lower}; const WHY: &str = \"crate::room::mod\";"),
        ("room/tests.rs", "use super::upper::Upper; use super::lower::Lower;"),
    ];
    assert_eq!(all_circles(&tree(&fine)), [""; 0]);
}

/// The floors of each room, lowest first, as docs/design.md says: `| room | lowest, lowest · above · top |`.
fn floors(document: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let table = document.split("| room | floors").nth(1).unwrap_or_default();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let room = cells.next().unwrap_or_default().trim_matches('`').to_owned();
        let names = |floor: &str| floor.split(',').map(|name| name.trim().to_owned()).collect();
        (room, cells.next().unwrap_or_default().split('·').map(names).collect())
    };
    rows.map(row).collect()
}

/// What is wrong with the floors that a document gives to the rooms of a tree. A file that it leaves out may
/// name what it likes, but for circles.
fn misplaced(tree: &Tree, floors: &BTreeMap<String, Vec<Vec<String>>>) -> Vec<String> {
    let (mut wrong, arrows) = (Vec::new(), tree.arrows());
    let folders: BTreeSet<Path> =
        tree.0.keys().flat_map(|path| (1..path.len()).map(|end| path[..end].to_vec())).collect();
    for folder in folders.into_iter().filter(|folder| tree.0.contains_key(folder)) {
        let (room, children) = (folder.join("/"), tree.children(&folder));
        let listed = floors.get(&room).cloned().unwrap_or_default();
        let floor = |name: &str| listed.iter().position(|floor| floor.iter().any(|own| own == name));
        let gone = listed.iter().flatten().filter(|name| !children.contains(name.as_str()));
        wrong.extend(gone.map(|name| format!("{room}: there is no {name}")));
        let allowed = |one: &String, other: &String| {
            CIRCLES.iter().any(|(own, files)| {
                *own == room && [one, other].iter().all(|name| files.contains(&name.as_str()))
            })
        };
        for (one, other) in arrows.get(&room).into_iter().flatten() {
            let up = floor(other).zip(floor(one)).is_some_and(|(other, one)| other >= one);
            if up && !allowed(one, other) {
                wrong.push(format!("{room}: {one} names {other}"));
            }
        }
    }
    wrong
}

#[test]
fn every_file_of_a_room_names_only_floors_below_its_own() {
    let wrong = misplaced(&Tree::read(), &floors(&read("docs/design.md")));
    assert!(wrong.is_empty(), "the floors of the rooms are in docs/design.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_file_on_the_wrong_floor_and_one_that_is_gone_are_found() {
    let tree = tree(&[
        ("room/mod.rs", "mod a; mod b; mod c;"),
        ("room/a.rs", ""),
        ("room/b.rs", "use super::a::A;"),
        ("room/c.rs", "use super::b::B;"),
    ]);
    let table = |row: &str| {
        floors(&format!("text\n\n| room | floors, lowest first |\n|---|---|\n{row}\n\nmore | text"))
    };
    assert_eq!(misplaced(&tree, &table("| `room` | a · b · c |")), [""; 0]);
    assert_eq!(misplaced(&tree, &table("| `room` | a · b, c |")), ["room: c names b"]);
    assert_eq!(
        misplaced(&tree, &table("| `room` | b · a · c, d |")),
        ["room: there is no d", "room: b names a"]
    );
    assert_eq!(misplaced(&tree, &table("| `room` | b · a |")), ["room: b names a"]);
}
