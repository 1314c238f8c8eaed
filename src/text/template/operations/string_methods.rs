//! Python's methods of strings. What they make knows where it comes from, as their string does. Knows no
//! syntax.

use super::braces;
use crate::error::Result;
use crate::text::template::arguments::{Arguments, integer, missing, text_if_any, text_of};
use crate::text::template::costs::{Costs, fault};
use crate::text::template::rendering::Rendering;
use crate::text::template::strings;
use crate::text::template::strings::{begins, case, expand_tabs, pad, replace, search, strip};
use crate::text::template::values::{Builder, Text, Value};

/// What the method gives.
pub(crate) fn call(
    rendering: &mut Rendering<'_>,
    text: &Text,
    name: &str,
    arguments: Arguments,
) -> Result<Value> {
    let costs = &mut rendering.costs;
    match name {
        "format" | "format_map" => return braces::format(rendering, text, arguments),
        "join" => {
            let items = arguments.one("join", "iterable")?;
            return join(rendering, text, &items);
        }
        "split" | "rsplit" => {
            let [separator, most] = arguments.bind(name, ["sep", "maxsplit"])?;
            return strings::split(costs, text, separator, most, name == "rsplit");
        }
        "splitlines" => {
            let [keep] = arguments.bind(name, ["keepends"])?;
            return strings::lines(costs, text, keep.is_some_and(|keep| keep.truth()));
        }
        "partition" | "rpartition" => {
            let separator = text_of(&arguments.one(name, "sep")?, name)?;
            return strings::partition(costs, text, &separator, name == "rpartition");
        }
        "startswith" | "endswith" => return begins(costs, text, arguments, name),
        "find" | "rfind" | "index" | "rindex" | "count" => return search(costs, text, arguments, name),
        _ => {}
    }
    if let Some(is) = name.strip_prefix("is") {
        arguments.none(name)?;
        costs.spend(text.len() / 8)?;
        return Ok(Value::Bool(case::is(text.as_str(), is)));
    }
    changed(costs, text, name, arguments).map(Value::Text)
}

/// What a method gives that makes one string of another.
fn changed(costs: &mut Costs, text: &Text, name: &str, arguments: Arguments) -> Result<Text> {
    match name {
        "strip" | "lstrip" | "rstrip" => {
            let [letters] = arguments.bind(name, ["chars"])?;
            let letters = text_if_any(letters, name)?;
            strip(costs, text, letters.as_ref(), name != "rstrip", name != "lstrip")
        }
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"])?;
            let (Some(old), Some(new)) = (old, new) else { return Err(missing(name, "new")) };
            let count = integer(count, name)?.unwrap_or(-1);
            replace(costs, text, &text_of(&old, name)?, &text_of(&new, name)?, count)
        }
        "removeprefix" | "removesuffix" => {
            let part = text_of(&arguments.one(name, "part")?, name)?;
            let plain = text.as_str();
            let rest = if name == "removeprefix" {
                plain.strip_prefix(part.as_str()).map(|rest| plain.len() - rest.len()..plain.len())
            } else {
                plain.strip_suffix(part.as_str()).map(|rest| 0..rest.len())
            };
            text.part(costs, rest.unwrap_or(0..plain.len()))
        }
        "ljust" | "rjust" | "center" | "zfill" => pad(costs, text, arguments, name),
        "expandtabs" => {
            let [size] = arguments.bind(name, ["tabsize"])?;
            expand_tabs(costs, text, integer(size, name)?.unwrap_or(8))
        }
        name => {
            arguments.none(name)?;
            case::change(costs, text, name)
        }
    }
}

fn join(rendering: &mut Rendering<'_>, text: &Text, items: &Value) -> Result<Value> {
    let items = rendering.items(items)?;
    let costs = &mut rendering.costs;
    let mut out = Builder::new(costs);
    for (at, item) in items.iter().enumerate() {
        costs.spend(1)?;
        let Value::Text(item) = item else {
            let kind = item.type_name();
            return Err(fault(format!("sequence item {at}: expected str instance, {kind} found")));
        };
        if at > 0 {
            out.text(costs, text)?;
        }
        out.text(costs, item)?;
    }
    out.finish().map(Value::Text)
}
