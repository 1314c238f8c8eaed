//! The filters by name, and `map`, which applies others to each item. Knows no syntax.

use super::{any, json, lists, numbers, sorting, text};
use crate::error::Result;
use crate::text::template::arguments::{Arguments, missing};
use crate::text::template::costs::fault;
use crate::text::template::operations::attributes::path;
use crate::text::template::operations::names::is_string_filter;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::Value;

/// Filters in filters: `map('map', 'map', …)`, of which each needs some stack.
const MAX_MAPS: usize = 8;

/// What `value|name(arguments)` gives.
///
/// # Errors
/// `Template` for an unknown name, for values and arguments that the filter cannot do anything with, and over
/// the limits of the rendering.
pub(crate) fn apply(
    rendering: &mut Rendering<'_>,
    name: &str,
    value: Value,
    arguments: Arguments,
) -> Result<Value> {
    match name {
        "tojson" => json::tojson(rendering, value, arguments),
        "default" | "d" => any::default(value, arguments),
        "length" | "count" => any::length(rendering, &value, arguments),
        "attr" => any::attr(rendering, value, arguments),
        "items" => any::items(rendering, &value, arguments),
        "string" => {
            arguments.none(name)?;
            rendering.string(&value).map(Value::Text)
        }
        "pprint" => {
            arguments.bind(name, ["verbose"])?;
            rendering.repr(&value).map(Value::Text)
        }
        "int" => numbers::int(value, arguments),
        "float" => numbers::float(rendering, &value, arguments),
        "abs" => numbers::abs(rendering, &value, arguments),
        "round" => numbers::round(rendering, value, arguments),
        "filesizeformat" => numbers::file_size(rendering, &value, arguments),
        "first" => lists::first(rendering, &value, arguments),
        "last" => lists::last(rendering, &value, arguments),
        "random" => lists::random(rendering, &value, arguments),
        "list" => lists::list(rendering, &value, arguments),
        "join" => lists::join(rendering, &value, arguments),
        "map" => map(rendering, &value, arguments),
        "select" | "reject" | "selectattr" | "rejectattr" => {
            lists::select(rendering, name, &value, arguments)
        }
        "sum" => lists::sum(rendering, &value, arguments),
        "reverse" => lists::reverse(rendering, &value, arguments),
        "batch" | "slice" => lists::cut(rendering, name, &value, arguments),
        "sort" => sorting::sorted(rendering, &value, arguments),
        "unique" => sorting::unique(rendering, &value, arguments),
        "min" | "max" => sorting::extreme(rendering, name, &value, arguments),
        "groupby" => sorting::groups(rendering, &value, arguments),
        "dictsort" => sorting::dictsort(rendering, &value, arguments),
        _ if is_string_filter(name) => text::apply(rendering, name, &value, arguments),
        _ => Err(fault(format!("No filter named '{name:.64}'."))),
    }
}

/// `map(value, filter, …)` and `map(value, attribute=…)`: an iterator over what is made of each item.
fn map(rendering: &mut Rendering<'_>, value: &Value, mut arguments: Arguments) -> Result<Value> {
    if value.is_undefined() {
        return rendering.objects.iterator(&mut rendering.costs, Vec::new());
    }
    let by_attribute = arguments.positional.is_empty()
        && arguments.named.iter().any(|(name, _)| name.as_str() == "attribute");
    let mut made = Vec::new();
    if by_attribute {
        let [attribute, default] = arguments.bind("map", ["attribute", "default"])?;
        let attribute = attribute.ok_or_else(|| missing("map", "attribute"))?;
        let default = default.filter(|default| !default.is_none());
        for item in rendering.items(value)? {
            rendering.costs.spend(1)?;
            made.push(path(rendering, item, &attribute, default.as_ref())?);
        }
    } else {
        if arguments.positional.is_empty() {
            return Err(fault("map requires a filter argument"));
        }
        let inside = arguments.positional.iter().take_while(|filter| filter.as_str() == Some("map"));
        if inside.take(MAX_MAPS).count() == MAX_MAPS {
            return Err(fault(format!("map: filters are nested deeper than {MAX_MAPS}")));
        }
        let filter = arguments.positional.remove(0);
        let Value::Text(filter) = filter else { return Err(fault("map: a filter's name is a string")) };
        for item in rendering.items(value)? {
            rendering.costs.spend(2 + arguments.positional.len())?;
            let again =
                Arguments { positional: arguments.positional.clone(), named: arguments.named.clone() };
            made.push(apply(rendering, filter.as_str(), item, again)?);
        }
    }
    rendering.objects.iterator(&mut rendering.costs, made)
}
