//! What a session's template is given besides messages; knows no template.

use serde_json::{Map, Value};
use std::sync::Arc;

/// What the template is given besides messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    pub(super) tools: Option<Arc<Value>>,
    pub(super) template: Option<Arc<Map<String, Value>>>,
}

impl Variables {
    pub(super) fn new(tools: Option<Value>, template: Option<Map<String, Value>>) -> Self {
        let none = Self::default();
        none.replaced(tools.map(Arc::new), template.map(Arc::new))
    }

    /// The same, with what is given in place of what was there, whole. Empty ones are none.
    pub(super) fn replaced(
        &self,
        tools: Option<Arc<Value>>,
        template: Option<Arc<Map<String, Value>>>,
    ) -> Self {
        let tools = tools.or_else(|| self.tools.clone());
        let template = template.or_else(|| self.template.clone());
        let is_empty = |tools: &Value| tools.is_null() || tools.as_array().is_some_and(Vec::is_empty);
        Self {
            tools: tools.filter(|tools| !is_empty(tools)),
            template: template.filter(|template| !template.is_empty()),
        }
    }
}
