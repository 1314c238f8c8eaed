//! A schema as a host gives it, to one that llguidance compiles: every keyword is honoured, says nothing, or
//! is refused with its place. Knows no type's own keywords.

use super::super::limits::{TEXT, error};
use super::checked::Checked;
use super::keywords::Inner;
use super::place::Place;
use super::strings::string;
use super::types::{self, Type};
use super::{apart, numbers, objects, references};
use crate::error::Result;
use crate::text::json::depth;
use llguidance::JsonCompileOptions;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, VecDeque};

/// Schemas in a schema at most, each counted where it is used within another.
const MOST: usize = 10_000;

/// Arrays and objects in each other at most: what recurses over them, their drop too, may have a small stack.
const DEPTH: usize = 64;

/// What is referred to, at most: llguidance follows one reference from another on its stack.
const DEFINITIONS: usize = 1_000;

/// Branches of a "oneOf" at most: each is held against each.
const BRANCHES: usize = 100;

/// Spaces between tokens of JSON: one, or a new line with its indentation. A model that is free to write
/// more may do so to the end of its tokens.
const SPACE: &str = r" |\r?\n[ \t]{0,40}";

/// Arrays and objects in each other of any value that is met with another.
const NESTED: usize = 2;

/// What any value is called among the definitions.
const ANY: &str = "any";

/// What no grammar of this kind can keep track of, and what to do instead.
const REFUSED: [(&str, &str); 11] = [
    ("not", "say what is allowed, or list it in \"enum\""),
    ("if", "write the cases as branches of \"anyOf\""),
    ("contains", "describe the items by \"prefixItems\" or \"items\""),
    ("dependentRequired", "write the cases as branches of \"anyOf\""),
    ("dependentSchemas", "write the cases as branches of \"anyOf\""),
    ("dependencies", "write the cases as branches of \"anyOf\""),
    ("unevaluatedProperties", "use \"additionalProperties\""),
    ("unevaluatedItems", "use \"items\""),
    ("$dynamicRef", "use \"$ref\""),
    ("$recursiveRef", "use \"$ref\""),
    ("extends", "use \"allOf\""),
];

/// A schema that llguidance compiles, and what a finished value is held to.
pub(in super::super) struct Rewritten {
    pub(in super::super) schema: Value,
    pub(in super::super) checked: Checked,
}

impl Rewritten {
    /// Of the schema `text`.
    ///
    /// # Errors
    /// `Grammar`: it is no JSON, or a keyword cannot be honoured, and where it stands.
    pub(in super::super) fn new(text: &str) -> Result<Self> {
        Self::check_depth(text)?;
        let root: Value =
            serde_json::from_str(text).map_err(|why| error(format_args!("the schema is no JSON: {why}")))?;
        Self::of(root, "")
    }

    /// Of the schema that stands at `pointer` in `root`, to which its references go.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(in super::super) fn at(root: &Value, pointer: &str) -> Result<Self> {
        let text = root.to_string();
        if text.len() > TEXT {
            let bytes = text.len();
            return Err(error(format_args!("the schema has {bytes} bytes; {TEXT} are allowed")));
        }
        Self::check_depth(&text)?;
        Self::of(root.clone(), pointer)
    }

    fn of(root: Value, pointer: &str) -> Result<Self> {
        let checked = Checked::new(root);
        let mut rewriter = Rewriter::new(&checked);
        let whole = rewriter.whole(pointer)?;
        Ok(Self { schema: whole, checked })
    }

    fn check_depth(text: &str) -> Result<()> {
        let nested = depth(text);
        if nested > DEPTH {
            let why = format!(
                "the schema is nested {nested} deep; {DEPTH} arrays and objects may lie in each other"
            );
            return Err(error(why));
        }
        Ok(())
    }
}

/// What is referred to: its pointer, whether others must hold for the same value, and whether for one that it
/// is a part of.
type Target = (String, bool, bool);

/// A schema on its way.
struct Rewriter<'a> {
    root: &'a Value,
    checked: &'a Checked,
    /// Made so far, by their new names.
    definitions: Map<String, Value>,
    names: HashMap<Target, String>,
    /// To be made.
    awaited: VecDeque<(Target, String)>,
    /// What is made now may be met with others, as a part of what is.
    is_met: bool,
    count: usize,
}

impl<'a> Rewriter<'a> {
    fn new(checked: &'a Checked) -> Self {
        Self {
            root: checked.root(),
            checked,
            definitions: Map::new(),
            names: HashMap::new(),
            awaited: VecDeque::new(),
            is_met: false,
            count: 0,
        }
    }

    fn whole(&mut self, pointer: &str) -> Result<Value> {
        let (root, any) = (self.root.pointer(pointer).unwrap_or(&Value::Null), any());
        self.definitions.insert(ANY.into(), any);
        let first = self.schema(root, &Place::At(pointer), false)?;
        while let Some(((pointer, open, is_met), name)) = self.awaited.pop_front() {
            self.is_met = is_met;
            let found = self.root.pointer(&pointer).unwrap_or(&Value::Null);
            let made = self.schema(found, &Place::At(&pointer), open)?;
            self.definitions.insert(name, made);
        }
        self.refuse_circles()?;
        let mut whole = Map::new();
        whole.insert("allOf".into(), json!([first]));
        whole.insert("$defs".into(), Value::Object(std::mem::take(&mut self.definitions)));
        let mut whole = Value::Object(whole);
        let options = JsonCompileOptions {
            whitespace_pattern: Some(SPACE.into()),
            // A declared name is then written in one way only, and no other becomes it.
            json_allowed_escapes: Some("nrbtf\\\"".into()),
            ..Default::default()
        };
        options.apply_to(&mut whole);
        Ok(whole)
    }

    /// A schema that lists its values: those that all its other keywords allow too.
    fn listed(&self, schema: &'a Map<String, Value>, at: &Place<'_>) -> Result<Value> {
        let (keyword, values) = match (schema.get("const"), schema.get("enum")) {
            (Some(value), _) => ("const", vec![value.clone()]),
            (None, Some(Value::Array(values))) => ("enum", values.clone()),
            _ => return Err(at.malformed("\"enum\" is no list")),
        };
        let mut allowed = Vec::new();
        for value in values {
            if self.checked.holds(&value, schema) && !allowed.contains(&value) {
                numbers::constant(&value, keyword, at)?;
                allowed.push(value);
            }
        }
        if allowed.is_empty() {
            return Err(at.refuse(keyword, "the other keywords beside it allow none of its values"));
        }
        Ok(json!({ "enum": allowed }))
    }

    fn described(&mut self, schema: &'a Map<String, Value>, at: &Place<'_>, open: bool) -> Result<Value> {
        let named = types::named(schema, at)?;
        let meant = types::meant(schema);
        let mut parts = Vec::new();
        let applies =
            ["$ref", "anyOf", "oneOf", "allOf"].iter().filter(|own| schema.contains_key(**own)).count();
        let says_more = applies > 1 || applies == 1 && (!meant.is_empty() || many(schema.get("allOf")));
        if applies == 0 || named.is_some() || !meant.is_empty() {
            let types = named.unwrap_or(meant);
            let was_met = self.is_met;
            self.is_met |= applies > 0;
            let made = self.of_types(&types, schema, at, open || applies > 0);
            self.is_met = was_met;
            parts.push(made?);
        }
        let open = open || says_more;
        if let Some(reference) = schema.get("$ref") {
            parts.push(self.reference(reference, at, open)?);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(branches) = schema.get(keyword) {
                parts.push(self.branches(keyword, branches, at, open)?);
            }
        }
        if let Some(all) = schema.get("allOf") {
            parts.extend(self.each("allOf", all, at, open)?);
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ => json!({ "allOf": parts }),
        })
    }

    /// A value of one of `types`; of none: of any.
    fn of_types(
        &mut self,
        types: &[Type],
        schema: &'a Map<String, Value>,
        at: &Place<'_>,
        open: bool,
    ) -> Result<Value> {
        let mut made = Vec::new();
        for own in types {
            made.push(match own {
                Type::Null | Type::Boolean => json!({ "type": own.name() }),
                Type::Integer | Type::Number => Value::Object(numbers::number(schema, *own, at)?),
                Type::String => string(schema, at)?,
                Type::Array => objects::array(self, schema, at, open)?,
                Type::Object => objects::object(self, schema, at, open)?,
            });
        }
        Ok(match made.len() {
            0 => self.any(),
            1 => made.swap_remove(0),
            _ => json!({ "anyOf": made }),
        })
    }

    fn reference(&mut self, target: &Value, at: &Place<'_>, open: bool) -> Result<Value> {
        let (pointer, _) = references::resolve(self.root, target, at)?;
        let key = (pointer, open, self.is_met || open);
        if let Some(name) = self.names.get(&key) {
            return Ok(reference(name));
        }
        if self.names.len() >= DEFINITIONS {
            return Err(error(format_args!("the schema is too large: over {DEFINITIONS} references in it")));
        }
        let name = format!("d{}", self.names.len());
        self.awaited.push_back((key.clone(), name.clone()));
        self.names.insert(key, name.clone());
        Ok(reference(&name))
    }

    fn branches(&mut self, keyword: &str, value: &'a Value, at: &Place<'_>, open: bool) -> Result<Value> {
        let made = self.each(keyword, value, at, open)?;
        if keyword == "oneOf"
            && let Value::Array(branches) = value
        {
            if branches.len() > BRANCHES {
                return Err(
                    at.refuse("oneOf", format_args!("it has over {BRANCHES} branches; use \"anyOf\""))
                );
            }
            for (index, one) in branches.iter().enumerate() {
                let met = branches[..index].iter().position(|other| !apart::are_apart(self.root, one, other));
                if let Some(other) = met {
                    let why = format!(
                        "a value may satisfy the branches {other} and {index}; tell them apart by a required \
                         property with a constant, or use \"anyOf\""
                    );
                    return Err(at.refuse("oneOf", why));
                }
            }
        }
        Ok(json!({ "anyOf": made }))
    }

    /// Refuses references that lead back to themselves before any value.
    fn refuse_circles(&self) -> Result<()> {
        // Those whose ways are being gone: false; those that lead to no circle: true.
        let mut settled: HashMap<&str, bool> = HashMap::new();
        for start in self.definitions.keys() {
            if settled.insert(start, false).is_some() {
                settled.insert(start, true);
                continue;
            }
            let mut path = vec![(start.as_str(), ways(self.definitions.get(start)))];
            while let Some((name, rest)) = path.last_mut() {
                let Some(next) = rest.pop() else {
                    settled.insert(name, true);
                    path.pop();
                    continue;
                };
                match settled.get(next) {
                    Some(true) => {}
                    Some(false) => {
                        let found = self.names.iter().find(|(_, name)| *name == next);
                        let pointer = found.map_or("", |((pointer, ..), _)| pointer.as_str());
                        return Err(
                            Place::At(pointer).refuse("$ref", "it leads back to itself before any value")
                        );
                    }
                    None => {
                        settled.insert(next, false);
                        path.push((next, ways(self.definitions.get(next))));
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'a> Inner<'a> for Rewriter<'a> {
    fn schema(&mut self, value: &'a Value, at: &Place<'_>, open: bool) -> Result<Value> {
        self.count += 1;
        if self.count > MOST {
            return Err(error(format_args!("the schema is too large: over {MOST} schemas in it")));
        }
        let schema = match value {
            Value::Bool(true) if open => return Ok(plain(NESTED)),
            Value::Bool(true) => return Ok(self.any()),
            Value::Bool(false) => return Ok(Value::Bool(false)),
            Value::Object(schema) => schema,
            other => return Err(at.malformed(format_args!("{} is no schema", Type::of(other).name()))),
        };
        if matches!(schema.get("not"), Some(Value::Bool(true))) || schema.get("not") == Some(&json!({})) {
            return Ok(Value::Bool(false));
        }
        refuse(schema, at)?;
        let was_met = self.is_met;
        self.is_met |= open;
        let made = if schema.contains_key("const") || schema.contains_key("enum") {
            self.listed(schema, at)
        } else {
            self.described(schema, at, open)
        };
        self.is_met = was_met;
        let made = made?;
        Ok(match schema.get("nullable") {
            Some(Value::Bool(true)) => json!({"anyOf": [made, {"type": "null"}]}),
            _ => made,
        })
    }

    fn met(&mut self, value: &'a Value, at: &Place<'_>) -> Result<Value> {
        let was_met = std::mem::replace(&mut self.is_met, true);
        let made = self.schema(value, at, false);
        self.is_met = was_met;
        made
    }

    fn target(&self, value: &'a Value) -> &'a Value {
        match value.get("$ref") {
            Some(reference) => {
                references::resolve(self.root, reference, &Place::At("")).map_or(value, |(_, found)| found)
            }
            None => value,
        }
    }

    fn any(&self) -> Value {
        // llguidance meets what refers to itself with itself until its stack ends.
        if self.is_met { plain(NESTED) } else { reference(ANY) }
    }
}

/// The definitions that a value of `schema` is also one of, without anything around it.
fn ways(schema: Option<&Value>) -> Vec<&str> {
    let Some(Value::Object(schema)) = schema else { return Vec::new() };
    let own = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"));
    let within = ["anyOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array());
    own.into_iter().chain(within.flatten().flat_map(|branch| ways(Some(branch)))).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Any value whose numbers all programs read.
fn any() -> Value {
    of(Some(reference(ANY)))
}

/// As [`any`], with so many arrays and objects in each other at most, and without a reference.
fn plain(nested: usize) -> Value {
    of(nested.checked_sub(1).map(plain))
}

/// A value whose arrays and objects, if there are any, hold `inner`.
fn of(inner: Option<Value>) -> Value {
    let number = numbers::number(&Map::new(), Type::Number, &Place::At("")).unwrap_or_default();
    let mut kinds =
        vec![json!({"type": "null"}), json!({"type": "boolean"}), number.into(), json!({"type": "string"})];
    if let Some(inner) = inner {
        kinds.push(json!({"type": "array", "items": inner}));
        kinds.push(json!({"type": "object", "additionalProperties": inner}));
    }
    json!({ "anyOf": kinds })
}

/// Refuses what cannot be honoured.
fn refuse(schema: &Map<String, Value>, at: &Place<'_>) -> Result<()> {
    for (keyword, instead) in REFUSED {
        let Some(value) = schema.get(keyword) else { continue };
        let says_nothing = match keyword {
            "if" => !schema.contains_key("then") && !schema.contains_key("else"),
            "not" => value == &Value::Bool(false),
            "unevaluatedProperties" | "unevaluatedItems" => value == &Value::Bool(true),
            "dependentRequired" | "dependentSchemas" | "dependencies" => {
                value.as_object().is_some_and(Map::is_empty)
            }
            _ => false,
        };
        if !says_nothing {
            return Err(at.refuse(keyword, format_args!("a grammar does not see so far; {instead}")));
        }
    }
    let own_name = schema.get("$id").and_then(Value::as_str);
    if !matches!(at, Place::At("")) && own_name.is_some_and(|name| !name.starts_with('#')) {
        return Err(
            at.refuse("$id", "a schema with a name of its own lies inside another; leave the name out")
        );
    }
    Ok(())
}

fn many(value: Option<&Value>) -> bool {
    value.and_then(Value::as_array).is_some_and(|items| items.len() > 1)
}
