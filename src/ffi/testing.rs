//! The fake model for C, in builds with the feature `testing` only: `include/wick_testing.h`.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard, guard_on};
use super::border::handles;
use super::border::handles::unforked;
use super::border::ids::{wick_model, wick_runtime, wick_stream};
use super::border::out::Out;
use super::border::sized;
use super::border::status::{WICK_OK, wick_status};
use super::border::str::wick_str;
use super::border::user::UserData;
use super::model::{Load, ModelObject, start, wick_model_options};
use super::reading::Reader;
use super::runtime::RuntimeObject;
use crate::error::{Error, ErrorKind};
use crate::runtime::{ModelOptions, ModelSource};
use crate::testing::{Script, loader};
use std::ptr;
use std::sync::Arc;

/// [ANY] Loads the model that `script_json` describes (see `Script` in the Rust documentation). Of `options`,
/// which may be NULL, queue, on_event, user and drop are used. Otherwise as wick_model_load.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_testing_model_load(
    runtime: wick_runtime,
    script_json: wick_str,
    options: *const wick_model_options,
    out: *mut wick_model,
    load: *mut wick_stream,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = unforked(handles::get::<RuntimeObject>(runtime.id))?;
        let reader = if options.is_null() {
            Reader { queue: Default::default(), on_event: None, user: UserData::new(ptr::null_mut(), None) }
        } else {
            // SAFETY: the caller's struct, as this function's docs say.
            let (given, user) =
                unsafe { sized::input_with(options, |given| UserData::new(given.user, given.drop)) }?;
            Reader { queue: given.queue, on_event: given.on_event, user }
        };
        // SAFETY: the caller's places and text, as this function's docs say.
        let (out, load, script) = unsafe {
            wick_error::check(error)?;
            (Out::required(out, "out")?, Out::optional(load), script_json.require("script_json")?)
        };
        let object = object?;
        let (loader, gate) = loader(Script::parse(script)?);
        let options = ModelOptions::from_source(ModelSource::Custom(loader));
        start(&object, runtime.id, Load { options, reader, gate: Some(gate) }, &out, load)
    })
}

/// [ANY] Lets `count` more tokens of a gated fake model through.
#[unsafe(no_mangle)]
pub extern "C" fn wick_testing_release(model: wick_model, count: u64) -> wick_status {
    guard_on(Tag::Any, "wick_testing_release", model.id, |object: &Arc<ModelObject>| {
        let why = "the model is not a fake one";
        object.gate.as_ref().ok_or_else(|| Error::new(ErrorKind::InvalidArgument, why))?.release(count);
        Ok(WICK_OK)
    })
}
