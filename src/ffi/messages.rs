//! Messages of a conversation, as C says them; knows no template.

use super::border::str::{array, copy, wick_str};
use super::json::{object, value};
use crate::error::Result;
use crate::text::Message;
use serde_json::{Map, Value};

/// One message of a conversation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wick_message {
    /// Who speaks: "system", "user", "assistant", "tool", … Has to be there.
    pub role: wick_str,
    /// What is said; absent (a NULL text): the template sees none, unless `extra_json` has one.
    pub content: wick_str,
    /// A JSON object with further fields for the template (tool_calls, tool_call_id, name, reasoning_content,
    /// …), or absent.
    pub extra_json: wick_str,
}

/// What a template is given besides messages.
pub(super) struct Variables {
    pub(super) tools: Option<Value>,
    pub(super) template: Option<Map<String, Value>>,
}

impl Variables {
    /// # Errors
    /// `InvalidArgument` naming the field.
    ///
    /// # Safety
    /// The texts are readable.
    pub(super) unsafe fn read(tools: wick_str, template: wick_str) -> Result<Self> {
        // SAFETY: as promised by the caller.
        let (tools, template) = unsafe { (tools.read("tools_json")?, template.read("template_json")?) };
        Ok(Self {
            tools: tools.map(|tools| value(tools, "tools_json")).transpose()?,
            template: template.map(|template| object(template, "template_json")).transpose()?,
        })
    }
}

/// The messages at `at`, copied.
///
/// # Errors
/// `InvalidArgument` naming the field; `OutOfMemory`.
///
/// # Safety
/// `at` is NULL or readable for `count` messages, whose texts are readable.
pub(super) unsafe fn read(at: *const wick_message, count: usize) -> Result<Vec<Message>> {
    // SAFETY: as promised by the caller.
    let given = unsafe { array(at, count, "messages") }?;
    let mut messages = Vec::new();
    messages.try_reserve_exact(given.len())?;
    for (index, message) in given.iter().enumerate() {
        // SAFETY: as promised by the caller.
        let read = unsafe { message.read() };
        messages.push(read.map_err(|error| error.within(format_args!("messages[{index}]")))?);
    }
    Ok(messages)
}

impl wick_message {
    /// # Safety
    /// The texts are readable.
    unsafe fn read(&self) -> Result<Message> {
        // SAFETY: as promised by the caller.
        let (role, content, extra) = unsafe {
            (self.role.require("role")?, self.content.read("content")?, self.extra_json.read("extra_json")?)
        };
        let mut extra = extra.map(|extra| object(extra, "extra_json")).transpose()?;
        if content.is_none() {
            // Templates do not see what is null.
            extra.get_or_insert_default().entry("content").or_insert(Value::Null);
        }
        Ok(Message { role: copy(role)?, content: copy(content.unwrap_or_default())?, extra })
    }
}
