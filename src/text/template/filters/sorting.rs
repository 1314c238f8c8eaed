//! Filters that order, compare and group items. Knows no strings' filters.

use std::cmp::Ordering;

use crate::error::Result;
use crate::text::template::arguments::{Arguments, missing};
use crate::text::template::costs::fault;
use crate::text::template::operations::attributes::path;
use crate::text::template::rendering::Rendering;
use crate::text::template::strings::case;
use crate::text::template::values::{Items, Value, View, compare, equal, hash, sort};

/// What an item is sorted by: itself or an attribute, without case unless that counts.
fn key(rendering: &mut Rendering<'_>, item: &Value, attribute: Option<&Value>, case: bool) -> Result<Value> {
    let key = match attribute {
        Some(attribute) => path(rendering, item.clone(), attribute, None)?,
        None => item.clone(),
    };
    match &key {
        Value::Text(text) if !case => case::change(&mut rendering.costs, text, "lower").map(Value::Text),
        _ => Ok(key),
    }
}

/// Items with their keys, in the order of these. Where keys may be `alike`, equal ones need no order
/// (undefined, none).
fn sort_by_keys(
    rendering: &mut Rendering<'_>,
    items: &mut [(Value, Value)],
    reverse: bool,
    alike: bool,
) -> Result<()> {
    // Those that are equal keep their order, backwards too.
    if reverse {
        items.reverse();
    }
    let costs = &mut rendering.costs;
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

/// `sort(value, reverse, case_sensitive, attribute)`
pub(crate) fn sorted(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [reverse, case, attribute] = arguments.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let (reverse, case) = (truth(reverse), truth(case));
    let attributes: Vec<Value> = match attribute {
        None | Some(Value::None) => Vec::new(),
        Some(Value::Text(text)) => {
            let mut parts = Vec::new();
            for part in text.as_str().split(',') {
                parts.push(Value::text(&mut rendering.costs, part)?);
            }
            parts
        }
        Some(other) => vec![other],
    };
    let mut items = Vec::new();
    for item in rendering.items(value)? {
        rendering.costs.spend(2)?;
        let sort_key = match attributes.as_slice() {
            [] => key(rendering, &item, None, case)?,
            [one] => key(rendering, &item, Some(one), case)?,
            several => {
                let mut keys = Vec::new();
                for attribute in several {
                    keys.push(key(rendering, &item, Some(attribute), case)?);
                }
                Value::tuple(&mut rendering.costs, keys)?
            }
        };
        items.push((sort_key, item));
    }
    sort_by_keys(rendering, &mut items, reverse, true)?;
    let items = items.into_iter().map(|(_, item)| item).collect();
    Value::list(&mut rendering.costs, items)
}

/// An iterator over the first of equal items.
pub(crate) fn unique(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [case, attribute] = arguments.bind("unique", ["case_sensitive", "attribute"])?;
    let case = truth(case);
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut seen: std::collections::HashMap<u64, Vec<Value>> = std::collections::HashMap::new();
    let mut kept = Vec::new();
    for item in rendering.items(value)? {
        rendering.costs.spend(4)?;
        let key = key(rendering, &item, attribute.as_ref(), case)?;
        let same = seen.entry(hash(&mut rendering.costs, &key)?).or_default();
        let mut known = false;
        for other in same.iter() {
            known = known || equal(&mut rendering.costs, other, &key)?;
            rendering.costs.spend(1)?;
        }
        if !known {
            same.push(key);
            kept.push(item);
        }
    }
    rendering.objects.iterator(&mut rendering.costs, kept)
}

/// `min` and `max` (`name`).
pub(crate) fn extreme(
    rendering: &mut Rendering<'_>,
    name: &str,
    value: &Value,
    arguments: Arguments,
) -> Result<Value> {
    let [case, attribute] = arguments.bind(name, ["case_sensitive", "attribute"])?;
    let case = truth(case);
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
    let mut best: Option<(Value, Value)> = None;
    for item in rendering.items(value)? {
        rendering.costs.spend(2)?;
        let key = key(rendering, &item, attribute.as_ref(), case)?;
        let better = match &best {
            None => true,
            Some((other, _)) => compare(&mut rendering.costs, &key, other)? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

/// `groupby(value, attribute, default, case_sensitive)`
pub(crate) fn groups(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [attribute, default, case] = arguments.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let attribute = attribute.ok_or_else(|| missing("groupby", "attribute"))?;
    let default = default.filter(|default| !default.is_none());
    let case = truth(case);
    let mut items = Vec::new();
    for item in rendering.items(value)? {
        rendering.costs.spend(2)?;
        let found = path(rendering, item.clone(), &attribute, default.as_ref())?;
        let folded = key(rendering, &found, None, case)?;
        // The group shows its first item's own key.
        let shown = Items::group(&mut rendering.costs, found, item)?;
        items.push((folded, shown));
    }
    sort_by_keys(rendering, &mut items, false, false)?;
    let mut groups = Vec::new();
    let mut rest = items.into_iter().peekable();
    while let Some((folded, Value::Tuple(pair))) = rest.next() {
        let (Some(shown), Some(first)) = (pair.first().cloned(), pair.get(1).cloned()) else { break };
        let mut members = vec![first];
        while let Some((other, Value::Tuple(next))) = rest.peek() {
            if !equal(&mut rendering.costs, &folded, other)? {
                break;
            }
            members.extend(next.get(1).cloned());
            rest.next();
        }
        let members = Value::list(&mut rendering.costs, members)?;
        groups.push(Items::group(&mut rendering.costs, shown, members)?);
    }
    Value::list(&mut rendering.costs, groups)
}

/// `dictsort(value, case_sensitive, by, reverse)`
pub(crate) fn dictsort(rendering: &mut Rendering<'_>, value: &Value, arguments: Arguments) -> Result<Value> {
    let [case, by, reverse] = arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let Value::Dict(dict) = value else { return Err(rendering.unfit(value, "dictsort")) };
    let by_value = match by.as_ref().map(Value::as_str) {
        None | Some(Some("key")) => false,
        Some(Some("value")) => true,
        Some(_) => return Err(fault("You can only sort by either \"key\" or \"value\"")),
    };
    let case = truth(case);
    let mut items = Vec::new();
    for pair in rendering.items(&Value::View(View::Items, dict.clone()))? {
        rendering.costs.spend(2)?;
        let Value::Tuple(parts) = &pair else { continue };
        let side = parts.get(usize::from(by_value)).cloned().unwrap_or(Value::UNDEFINED);
        items.push((key(rendering, &side, None, case)?, pair));
    }
    sort_by_keys(rendering, &mut items, truth(reverse), false)?;
    let items = items.into_iter().map(|(_, item)| item).collect();
    Value::list(&mut rendering.costs, items)
}
