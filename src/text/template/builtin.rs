//! Chat formats that can be asked for by name, for models whose file has no template. Knows names and texts.

/// The names of the built-in templates.
pub const NAMES: [&str; 7] = ["chatml", "llama2", "llama3", "gemma", "phi3", "mistral", "zephyr"];

/// The Jinja text of the built-in template `name`.
pub fn source(name: &str) -> Option<&'static str> {
    Some(match name {
        "chatml" => include_str!("../builtin/chatml.jinja"),
        "llama2" => include_str!("../builtin/llama2.jinja"),
        "llama3" => include_str!("../builtin/llama3.jinja"),
        "gemma" => include_str!("../builtin/gemma.jinja"),
        "phi3" => include_str!("../builtin/phi3.jinja"),
        "mistral" => include_str!("../builtin/mistral.jinja"),
        "zephyr" => include_str!("../builtin/zephyr.jinja"),
        _ => return None,
    })
}
