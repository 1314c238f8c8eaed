//! Filters of lists and of what can be gone through. Knows no strings' filters.

use std::cmp::Ordering;

use super::arguments::{Arguments, missing};
use super::attributes::path;
use super::case;
use super::checks;
use super::costs::fault;
use super::filters;
use super::machine::Machine;
use super::number::Arithmetic;
use super::operators::calculate;
use super::order::{compare, equal, hash};
use super::print;
use super::sort::sort;
use super::strings::integer;
use super::text::{Builder, Text};
use super::value::{Items, ObjectKind, Value, View};
use crate::error::Result;

/// All of them.
pub(super) const NAMES: [&str; 20] = [
    "batch",
    "dictsort",
    "first",
    "groupby",
    "join",
    "last",
    "list",
    "map",
    "max",
    "min",
    "random",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "sum",
    "unique",
];

/// What a filter of lists gives; `None` if there is none with this name.
pub(super) fn apply(
    machine: &mut Machine<'_>,
    name: &str,
    value: Value,
    arguments: Arguments,
) -> Result<Option<Value>> {
    Ok(Some(match name {
        "first" => first(machine, &value, arguments)?,
        "last" => last(machine, &value, arguments)?,
        "random" => {
            arguments.none(name)?;
            let items = machine.items(&value)?;
            let at = machine.now.rem_euclid(items.len().max(1) as i64) as usize;
            items.get(at).cloned().unwrap_or(Value::UNDEFINED)
        }
        "list" => {
            arguments.none(name)?;
            let items = machine.items(&value)?;
            Value::list(&mut machine.costs, items)?
        }
        "join" => join(machine, &value, arguments)?,
        "map" => map(machine, &value, arguments)?,
        "select" | "reject" | "selectattr" | "rejectattr" => select(machine, name, &value, arguments)?,
        "sort" => sorted(machine, &value, arguments)?,
        "unique" => unique(machine, &value, arguments)?,
        "min" | "max" => extreme(machine, name, &value, arguments)?,
        "sum" => sum(machine, &value, arguments)?,
        "reverse" => reverse(machine, &value, arguments)?,
        "groupby" => groups(machine, &value, arguments)?,
        "dictsort" => dictsort(machine, &value, arguments)?,
        "batch" | "slice" => cut(machine, name, &value, arguments)?,
        _ => return Ok(None),
    }))
}

fn first(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("first")?;
    let item = match value {
        Value::Object(object) if object.kind == ObjectKind::Iterator => {
            machine.objects.first(&machine.costs.meter, object.at)
        }
        value => match super::objects::Source::of(&mut machine.costs, value)? {
            Some(mut source) => source.next(&mut machine.costs)?,
            None => return Err(filters::bad(machine, value, "first")),
        },
    };
    Ok(item.unwrap_or(Value::UNDEFINED))
}

fn last(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("last")?;
    let item = match value {
        Value::List(items) | Value::Tuple(items) => items.last().cloned(),
        Value::Text(text) => match text.as_str().char_indices().next_back() {
            Some((at, _)) => Some(Value::Text(text.part(&mut machine.costs, at..text.len())?)),
            None => None,
        },
        Value::Range(steps) => steps.len().checked_sub(1).and_then(|at| steps.get(at)).map(Value::Int),
        Value::Undefined(_) => None,
        Value::Dict(_) | Value::View(..) => machine.items(value)?.pop(),
        other => return Err(fault(format!("'{}' object is not reversible", other.type_name()))),
    };
    Ok(item.unwrap_or(Value::UNDEFINED))
}

fn join(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [separator, attribute] = arguments.bind("join", ["d", "attribute"])?;
    let separator = match separator {
        Some(separator) => print::string(&mut machine.costs, &machine.objects, &separator)?,
        None => Text::literal(String::new()),
    };
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut out = Builder::new(&machine.costs);
    for (at, item) in machine.items(value)?.into_iter().enumerate() {
        machine.costs.spend(1)?;
        if at > 0 {
            out.text(&mut machine.costs, &separator)?;
        }
        let item = match &attribute {
            Some(attribute) => path(machine, item, attribute, None)?,
            None => item,
        };
        print::write(&mut machine.costs, &machine.objects, &mut out, &item)?;
    }
    out.finish().map(Value::Text)
}

fn map(machine: &mut Machine<'_>, value: &Value, mut arguments: Arguments) -> Result<Value> {
    if value.is_undefined() {
        return machine.objects.iterator(&mut machine.costs, Vec::new());
    }
    let by_attribute = arguments.positional.is_empty()
        && arguments.named.iter().any(|(name, _)| name.as_str() == "attribute");
    let mut made = Vec::new();
    if by_attribute {
        let [attribute, default] = arguments.bind("map", ["attribute", "default"])?;
        let attribute = attribute.ok_or_else(|| missing("map", "attribute"))?;
        let default = default.filter(|default| !default.is_none());
        for item in machine.items(value)? {
            machine.costs.spend(1)?;
            made.push(path(machine, item, &attribute, default.as_ref())?);
        }
    } else {
        if arguments.positional.is_empty() {
            return Err(fault("map requires a filter argument"));
        }
        let filter = arguments.positional.remove(0);
        let Value::Text(filter) = filter else { return Err(fault("map: a filter's name is a string")) };
        for item in machine.items(value)? {
            machine.costs.spend(2 + arguments.positional.len())?;
            let again =
                Arguments { positional: arguments.positional.clone(), named: arguments.named.clone() };
            made.push(filters::apply(machine, filter.as_str(), item, again)?);
        }
    }
    machine.objects.iterator(&mut machine.costs, made)
}

fn select(machine: &mut Machine<'_>, name: &str, value: &Value, mut arguments: Arguments) -> Result<Value> {
    if value.is_undefined() {
        return machine.objects.iterator(&mut machine.costs, Vec::new());
    }
    let wanted = name.starts_with("select");
    let attribute = if name.ends_with("attr") {
        if arguments.positional.is_empty() {
            return Err(fault("Missing parameter for attribute name"));
        }
        Some(arguments.positional.remove(0))
    } else {
        None
    };
    let test = if arguments.positional.is_empty() { None } else { Some(arguments.positional.remove(0)) };
    let mut chosen = Vec::new();
    for item in machine.items(value)? {
        machine.costs.spend(2 + arguments.positional.len())?;
        let looked_at = match &attribute {
            Some(attribute) => path(machine, item.clone(), attribute, None)?,
            None => item.clone(),
        };
        let passed = match &test {
            None => looked_at.truth(),
            Some(Value::Text(test)) => {
                let again =
                    Arguments { positional: arguments.positional.clone(), named: arguments.named.clone() };
                checks::apply(machine, test.as_str(), &looked_at, again)?
            }
            Some(other) => {
                return Err(fault(format!("{name}: a test's name is a string, not '{}'", other.type_name())));
            }
        };
        if passed == wanted {
            chosen.push(item);
        }
    }
    machine.objects.iterator(&mut machine.costs, chosen)
}

/// What an item is sorted by: itself or an attribute, without case unless that counts.
fn key(machine: &mut Machine<'_>, item: &Value, attribute: Option<&Value>, case: bool) -> Result<Value> {
    let key = match attribute {
        Some(attribute) => path(machine, item.clone(), attribute, None)?,
        None => item.clone(),
    };
    match &key {
        Value::Text(text) if !case => case::change(&mut machine.costs, text, "lower").map(Value::Text),
        _ => Ok(key),
    }
}

/// Items with their keys, in the order of these. Where keys may be `alike`, equal ones need no order
/// (undefined, none).
fn sort_by_keys(
    machine: &mut Machine<'_>,
    items: &mut [(Value, Value)],
    reverse: bool,
    alike: bool,
) -> Result<()> {
    // Those that are equal keep their order, backwards too.
    if reverse {
        items.reverse();
    }
    let costs = &mut machine.costs;
    sort(items, |(a, _), (b, _)| {
        costs.spend(1)?;
        if alike && equal(costs, a, b)? { Ok(Some(Ordering::Equal)) } else { compare(costs, a, b) }
    })?;
    if reverse {
        items.reverse();
    }
    Ok(())
}

fn truth(value: Option<Value>) -> bool {
    value.is_some_and(|value| value.truth())
}

fn sorted(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [reverse, case, attribute] = arguments.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let (reverse, case) = (truth(reverse), truth(case));
    let attributes: Vec<Value> = match attribute {
        None | Some(Value::None) => Vec::new(),
        Some(Value::Text(text)) => {
            let mut parts = Vec::new();
            for part in text.as_str().split(',') {
                parts.push(Value::text(&mut machine.costs, part)?);
            }
            parts
        }
        Some(other) => vec![other],
    };
    let mut items = Vec::new();
    for item in machine.items(value)? {
        machine.costs.spend(2)?;
        let sort_key = match attributes.as_slice() {
            [] => key(machine, &item, None, case)?,
            [one] => key(machine, &item, Some(one), case)?,
            several => {
                let mut keys = Vec::new();
                for attribute in several {
                    keys.push(key(machine, &item, Some(attribute), case)?);
                }
                Value::tuple(&mut machine.costs, keys)?
            }
        };
        items.push((sort_key, item));
    }
    sort_by_keys(machine, &mut items, reverse, true)?;
    let items = items.into_iter().map(|(_, item)| item).collect();
    Value::list(&mut machine.costs, items)
}

fn unique(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [case, attribute] = arguments.bind("unique", ["case_sensitive", "attribute"])?;
    let case = truth(case);
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut seen: std::collections::HashMap<u64, Vec<Value>> = std::collections::HashMap::new();
    let mut kept = Vec::new();
    for item in machine.items(value)? {
        machine.costs.spend(4)?;
        let key = key(machine, &item, attribute.as_ref(), case)?;
        let same = seen.entry(hash(&mut machine.costs, &key)?).or_default();
        let mut known = false;
        for other in same.iter() {
            known = known || equal(&mut machine.costs, other, &key)?;
            machine.costs.spend(1)?;
        }
        if !known {
            same.push(key);
            kept.push(item);
        }
    }
    machine.objects.iterator(&mut machine.costs, kept)
}

fn extreme(machine: &mut Machine<'_>, name: &str, value: &Value, arguments: Arguments) -> Result<Value> {
    let [case, attribute] = arguments.bind(name, ["case_sensitive", "attribute"])?;
    let case = truth(case);
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
    let mut best: Option<(Value, Value)> = None;
    for item in machine.items(value)? {
        machine.costs.spend(2)?;
        let key = key(machine, &item, attribute.as_ref(), case)?;
        let better = match &best {
            None => true,
            Some((other, _)) => compare(&mut machine.costs, &key, other)? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn sum(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [attribute, start] = arguments.bind("sum", ["attribute", "start"])?;
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut total = start.unwrap_or(Value::Int(0));
    if matches!(total, Value::Text(_)) {
        return Err(fault("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in machine.items(value)? {
        machine.costs.spend(1)?;
        let item = match &attribute {
            Some(attribute) => path(machine, item, attribute, None)?,
            None => item,
        };
        total = calculate(machine, Arithmetic::Add, &total, &item)?;
    }
    Ok(total)
}

fn reverse(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    arguments.none("reverse")?;
    if let Value::Text(text) = value {
        let costs = &mut machine.costs;
        costs.spend(text.len() / 4)?;
        let mut out = Builder::new(costs);
        for (at, letter) in text.as_str().char_indices().rev() {
            out.letter(letter, text.is_said(at))?;
        }
        return out.finish().map(Value::Text);
    }
    let mut items = machine.items(value)?;
    items.reverse();
    machine.objects.iterator(&mut machine.costs, items)
}

fn groups(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [attribute, default, case] = arguments.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let attribute = attribute.ok_or_else(|| missing("groupby", "attribute"))?;
    let default = default.filter(|default| !default.is_none());
    let case = truth(case);
    let mut items = Vec::new();
    for item in machine.items(value)? {
        machine.costs.spend(2)?;
        let found = path(machine, item.clone(), &attribute, default.as_ref())?;
        let folded = key(machine, &found, None, case)?;
        // The group shows its first item's own key.
        let shown = Items::group(&mut machine.costs, found, item)?;
        items.push((folded, shown));
    }
    sort_by_keys(machine, &mut items, false, false)?;
    let mut groups = Vec::new();
    let mut rest = items.into_iter().peekable();
    while let Some((folded, Value::Tuple(pair))) = rest.next() {
        let (Some(shown), Some(first)) = (pair.first().cloned(), pair.get(1).cloned()) else { break };
        let mut members = vec![first];
        while let Some((other, Value::Tuple(next))) = rest.peek() {
            if !equal(&mut machine.costs, &folded, other)? {
                break;
            }
            members.extend(next.get(1).cloned());
            rest.next();
        }
        let members = Value::list(&mut machine.costs, members)?;
        groups.push(Items::group(&mut machine.costs, shown, members)?);
    }
    Value::list(&mut machine.costs, groups)
}

fn dictsort(machine: &mut Machine<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [case, by, reverse] = arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let Value::Dict(dict) = value else { return Err(filters::bad(machine, value, "dictsort")) };
    let by_value = match by.as_ref().map(Value::as_str) {
        None | Some(Some("key")) => false,
        Some(Some("value")) => true,
        Some(_) => return Err(fault("You can only sort by either \"key\" or \"value\"")),
    };
    let case = truth(case);
    let mut items = Vec::new();
    for pair in machine.items(&Value::View(View::Items, dict.clone()))? {
        machine.costs.spend(2)?;
        let Value::Tuple(parts) = &pair else { continue };
        let side = parts.get(usize::from(by_value)).cloned().unwrap_or(Value::UNDEFINED);
        items.push((key(machine, &side, None, case)?, pair));
    }
    sort_by_keys(machine, &mut items, truth(reverse), false)?;
    let items = items.into_iter().map(|(_, item)| item).collect();
    Value::list(&mut machine.costs, items)
}

/// `batch(count, fill)` and `slice(count, fill)`.
fn cut(machine: &mut Machine<'_>, name: &str, value: &Value, arguments: Arguments) -> Result<Value> {
    let [count, fill] = arguments.bind(name, ["count", "fill_with"])?;
    let count =
        integer(count, name)?.filter(|count| *count > 0).ok_or_else(|| missing(name, "a count above 0"))?;
    let count = count as usize;
    let fill = fill.filter(|fill| !fill.is_none());
    let items = machine.items(value)?;
    let costs = &mut machine.costs;
    let mut parts = Vec::new();
    if name == "batch" {
        for part in items.chunks(count) {
            let mut part = part.to_vec();
            if let Some(fill) = &fill {
                costs.spend(count - part.len())?;
                costs.meter.take((count - part.len()) * size_of::<Value>())?;
                costs.meter.give((count - part.len()) * size_of::<Value>());
                part.resize(count, fill.clone());
            }
            parts.push(Value::list(costs, part)?);
        }
    } else {
        let (each, more) = (items.len() / count, items.len() % count);
        let mut rest = items.as_slice();
        for number in 0..count {
            costs.spend(2)?;
            let (part, behind) = rest.split_at(each + usize::from(number < more));
            rest = behind;
            let mut part = part.to_vec();
            if number >= more {
                part.extend(fill.clone());
            }
            parts.push(Value::list(costs, part)?);
        }
    }
    machine.objects.iterator(costs, parts)
}
