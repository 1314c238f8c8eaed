//! The arguments of a call, and how they meet the parameters' names. Knows no function.

use std::sync::Arc;

use super::costs::{Costs, fault};
use super::values::{Text, Value};
use crate::error::Result;

/// A keyword argument's name.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// Written in the template.
    Written(Arc<str>),
    /// A key of what was given behind `**`.
    Key(Text),
}

impl Name {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Written(name) => name,
            Self::Key(name) => name.as_str(),
        }
    }

    /// The name as a string, which knows where it is from.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(super) fn text(&self, costs: &mut Costs) -> Result<Text> {
        match self {
            Self::Written(name) => Text::new(costs, name),
            Self::Key(name) => Ok(name.clone()),
        }
    }
}

/// Arguments as they were given.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Value>,
    pub(super) named: Vec<(Name, Value)>,
}

impl Arguments {
    /// One argument for each of `parameters`, or none; `what` is called.
    ///
    /// # Errors
    /// `Template` for too many, for an unknown name, and for one given twice.
    pub(super) fn bind<const N: usize>(
        self,
        what: &str,
        parameters: [&str; N],
    ) -> Result<[Option<Value>; N]> {
        let given = self.positional.len();
        if given > N {
            return Err(fault(format!("{what} takes at most {N} arguments, {given} were given")));
        }
        let mut bound = [const { None }; N];
        for (place, value) in bound.iter_mut().zip(self.positional) {
            *place = Some(value);
        }
        for (name, value) in self.named {
            let name = name.as_str();
            let Some(at) = parameters.iter().position(|parameter| *parameter == name) else {
                return Err(fault(format!("{what} got an unexpected keyword argument '{name}'")));
            };
            if bound[at].replace(value).is_some() {
                return Err(fault(format!("{what} got multiple values for argument '{name}'")));
            }
        }
        Ok(bound)
    }

    /// Nothing may be given.
    ///
    /// # Errors
    /// `Template` if something is.
    pub(super) fn none(self, what: &str) -> Result<()> {
        self.bind(what, []).map(|[]| ())
    }

    /// Exactly one argument.
    ///
    /// # Errors
    /// `Template` if there is none, or more.
    pub(super) fn one(self, what: &str, parameter: &str) -> Result<Value> {
        let [value] = self.bind(what, [parameter])?;
        value.ok_or_else(|| missing(what, parameter))
    }
}

/// A call without an argument that it needs.
pub(super) fn missing(what: &str, parameter: &str) -> crate::error::Error {
    fault(format!("{what} needs the argument '{parameter}'"))
}

/// The string that a value has to be.
pub(super) fn text_of(value: &Value, what: &str) -> Result<Text> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(fault(format!("{what}: a string is needed, not '{}'", other.type_name()))),
    }
}

/// The string that a value has to be, if there is one and it is not none.
pub(super) fn text_if_any(value: Option<Value>, what: &str) -> Result<Option<Text>> {
    value.filter(|value| !value.is_none()).map(|value| text_of(&value, what)).transpose()
}

/// The integer that a value has to be, if there is one.
pub(super) fn integer(value: Option<Value>, what: &str) -> Result<Option<i64>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(Value::Int(value)) => Ok(Some(value)),
        Some(Value::Bool(value)) => Ok(Some(i64::from(value))),
        Some(other) => Err(fault(format!("{what}: an integer is needed, not '{}'", other.type_name()))),
    }
}
