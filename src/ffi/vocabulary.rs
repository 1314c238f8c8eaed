//! What can be done with a model's vocabulary alone: text to ids and back, conversations to prompts, and how
//! many tokens they are.

use super::border::error::wick_error;
use super::border::guard::{Tag, guard};
use super::border::handles;
use super::border::ids::wick_model;
use super::border::out::{Out, check_buffer, write_items, write_text};
use super::border::status::{WICK_OK, wick_status};
use super::border::str::{array, flag, wick_str};
use super::messages::{self, Variables, wick_message};
use super::model::ModelObject;
use crate::error::Result;
use crate::text::{Message, RenderInput, unix_time};
use std::ffi::c_char;

/// [ANY] The ids of `text`. `add_special` 1: with BOS and EOS where the model's file says so; `parse_special`
/// 1: the text of control tokens counts as such. `(ids, cap, needed)`: `*needed`, unless NULL, is set to the
/// count of all ids. WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_tokenize(
    model: wick_model,
    text: wick_str,
    add_special: i32,
    parse_special: i32,
    ids: *mut u32,
    cap: usize,
    needed: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and text, as this function's docs say.
        let text = unsafe { wick_error::check(error).and_then(|()| text.require("text")) }?;
        let (add, parse) = (flag(add_special, "add_special")?, flag(parse_special, "parse_special")?);
        check_buffer(ids, cap)?;
        let found = object.model.tokenize(text, add, parse)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_items(&found, ids, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] The text of `count` ids, as a stream gives it; `special` 1: with the text of control tokens.
/// `(buf, cap, needed)` as in wick_build_info. WICK_E_INVALID_ARGUMENT for an id beyond the vocabulary;
/// WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_detokenize(
    model: wick_model,
    ids: *const u32,
    count: usize,
    special: i32,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and ids, as this function's docs say.
        let ids = unsafe { wick_error::check(error).and_then(|()| array(ids, count, "ids")) }?;
        let special = flag(special, "special")?;
        check_buffer(buf, cap)?;
        let text = object.model.detokenize(ids, special)?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&text, buf, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] How many ids `text` has: what wick_model_tokenize would give. WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_count_tokens(
    model: wick_model,
    text: wick_str,
    add_special: i32,
    parse_special: i32,
    count: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs, places and text, as this function's docs say.
        let (text, count) = unsafe {
            wick_error::check(error)?;
            (text.require("text")?, Out::required(count, "count")?)
        };
        let (add, parse) = (flag(add_special, "add_special")?, flag(parse_special, "parse_special")?);
        count.set(object.model.tokenize(text, add, parse)?.len());
        Ok(WICK_OK)
    })
}

/// A conversation for the template, copied.
struct Conversation {
    messages: Vec<Message>,
    variables: Variables,
    add_generation_prompt: bool,
}

impl Conversation {
    /// # Errors
    /// `InvalidArgument` naming the field; `OutOfMemory`.
    ///
    /// # Safety
    /// The messages and texts are readable.
    unsafe fn read(
        messages: *const wick_message,
        count: usize,
        tools_json: wick_str,
        template_json: wick_str,
        add_generation_prompt: i32,
    ) -> Result<Self> {
        // SAFETY: as promised by the caller.
        let (messages, variables) =
            unsafe { (messages::read(messages, count)?, Variables::read(tools_json, template_json)?) };
        Ok(Self {
            messages,
            variables,
            add_generation_prompt: flag(add_generation_prompt, "add_generation_prompt")?,
        })
    }

    fn input(&self) -> RenderInput<'_> {
        RenderInput {
            messages: &self.messages,
            tools: self.variables.tools.as_ref(),
            variables: self.variables.template.as_ref(),
            add_generation_prompt: self.add_generation_prompt,
            unix_time: unix_time(),
            ..RenderInput::default()
        }
    }
}

/// [ANY] `count` messages through the model's chat template. `tools_json`: the template's tools, JSON, or
/// absent; `template_json`: an object, more variables for the template, or absent; `add_generation_prompt` 1:
/// opens the assistant's turn. To generate from the text, or from what begins with it, give it as `prompt`
/// with parse_special 1: BOS is not doubled; without, its control tokens are plain text. `(buf, cap, needed)`
/// as in wick_build_info. WICK_E_TEMPLATE if there is no template or it fails; WICK_E_BUSY while the model
/// loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_render(
    model: wick_model,
    messages: *const wick_message,
    count: usize,
    tools_json: wick_str,
    template_json: wick_str,
    add_generation_prompt: i32,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs and texts, as this function's docs say.
        let conversation = unsafe {
            wick_error::check(error)?;
            Conversation::read(messages, count, tools_json, template_json, add_generation_prompt)?
        };
        check_buffer(buf, cap)?;
        let rendered = object.model.render(&conversation.input())?;
        // SAFETY: the caller's buffer, as this function's docs say.
        unsafe { write_text(&rendered.text, buf, cap, needed) }?;
        Ok(WICK_OK)
    })
}

/// [ANY] How many tokens `count` messages are through the model's chat template, as the first of a session:
/// the prompt_tokens of a generation with these messages, if `add_generation_prompt` is 1. The rest as in
/// wick_model_render. WICK_E_BUSY while the model loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_model_count_messages(
    model: wick_model,
    messages: *const wick_message,
    count: usize,
    tools_json: wick_str,
    template_json: wick_str,
    add_generation_prompt: i32,
    tokens: *mut usize,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<ModelObject>(model.id)?;
        // SAFETY: the caller's structs, places and texts, as this function's docs say.
        let (conversation, tokens) = unsafe {
            wick_error::check(error)?;
            let tokens = Out::required(tokens, "tokens")?;
            (Conversation::read(messages, count, tools_json, template_json, add_generation_prompt)?, tokens)
        };
        tokens.set(object.model.count_messages(&conversation.input())?);
        Ok(WICK_OK)
    })
}
