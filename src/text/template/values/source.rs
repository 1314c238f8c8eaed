//! Where items come from, one after the other: what can be gone through. Knows iterators by number only.

use std::collections::VecDeque;
use std::sync::Arc;

use super::dict::entry;
use super::kinds::{ObjectId, ObjectKind, Steps, View};
use super::text::Text;
use super::value::{Dict, Items, Value};
use crate::error::Result;
use crate::text::template::costs::Costs;

/// Where a loop's items come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A list's or a tuple's.
    Items(Arc<Items>, usize),
    Steps(Steps, usize),
    /// The letters of a text, from this byte on; how many are left.
    Letters(Text, usize, usize),
    Dict(View, Arc<Dict>, usize),
    Iterator(Arc<ObjectId>),
    Chosen(VecDeque<Value>),
}

impl Source {
    /// The items of `value`; `None` if it has none to give.
    pub(crate) fn of(costs: &mut Costs, value: &Value) -> Result<Option<Self>> {
        Ok(Some(match value {
            Value::List(items) | Value::Tuple(items) => Self::Items(items.clone(), 0),
            Value::Dict(dict) => Self::Dict(View::Keys, dict.clone(), 0),
            Value::View(view, dict) => Self::Dict(*view, dict.clone(), 0),
            Value::Range(steps) => Self::Steps(**steps, 0),
            Value::Text(text) => Self::Letters(text.clone(), 0, text.letters(costs)?),
            Value::Undefined(_) => Self::Chosen(VecDeque::new()),
            Value::Object(object) if object.kind == ObjectKind::Iterator => Self::Iterator(object.clone()),
            _ => return Ok(None),
        }))
    }

    /// How many items are left; an iterator's are not known here.
    pub(super) fn ahead(&self) -> usize {
        match self {
            Self::Items(items, at) => items.len().saturating_sub(*at),
            Self::Steps(steps, at) => steps.len().saturating_sub(*at),
            Self::Letters(_, _, left) => *left,
            Self::Dict(_, dict, at) => dict.len().saturating_sub(*at),
            Self::Iterator(_) => 0,
            Self::Chosen(items) => items.len(),
        }
    }

    /// The next item, which stays where it is; an iterator's is not known here.
    pub(super) fn peek(&self, costs: &mut Costs) -> Result<Option<Value>> {
        Ok(match self {
            Self::Items(items, at) => items.get(*at).cloned(),
            Self::Steps(steps, at) => steps.get(*at).map(Value::Int),
            Self::Letters(text, at, _) => letter(costs, text, *at)?,
            Self::Dict(view, dict, at) => entry(costs, *view, dict, *at)?,
            Self::Iterator(_) => None,
            Self::Chosen(items) => items.front().cloned(),
        })
    }

    /// The next item; an iterator's is taken from the iterator itself.
    pub(crate) fn next(&mut self, costs: &mut Costs) -> Result<Option<Value>> {
        Ok(match self {
            Self::Items(items, at) => {
                *at += 1;
                items.get(*at - 1).cloned()
            }
            Self::Iterator(_) => None,
            Self::Steps(steps, at) => {
                *at += 1;
                steps.get(*at - 1).map(Value::Int)
            }
            Self::Letters(text, at, left) => {
                let item = letter(costs, text, *at)?;
                if let Some(Value::Text(letter)) = &item {
                    *at += letter.len();
                    *left = left.saturating_sub(1);
                }
                item
            }
            Self::Dict(view, dict, at) => {
                *at += 1;
                entry(costs, *view, dict, *at - 1)?
            }
            Self::Chosen(items) => items.pop_front(),
        })
    }
}

/// The letter of `text` that begins at the byte `at`.
fn letter(costs: &mut Costs, text: &Text, at: usize) -> Result<Option<Value>> {
    let Some(letter) = text.as_str().get(at..).and_then(|rest| rest.chars().next()) else { return Ok(None) };
    text.part(costs, at..at + letter.len_utf8()).map(|letter| Some(Value::Text(letter)))
}
