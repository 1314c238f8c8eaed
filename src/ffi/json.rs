//! JSON that C hands over; knows no field.

use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// The value that `text` is.
///
/// # Errors
/// `InvalidArgument` naming `name`: not JSON, or nested more than 127 deep.
pub(super) fn value(text: &str, name: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("{name} is not JSON: {error}")))
}

/// The object that `text` is.
///
/// # Errors
/// As [`value`], and for anything but an object.
pub(super) fn object(text: &str, name: &str) -> Result<Map<String, Value>> {
    match value(text, name)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(ErrorKind::InvalidArgument, format!("{name} is JSON, but not an object"))),
    }
}
