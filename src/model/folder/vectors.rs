//! What a folder says of the vectors that it makes, beside its `config.json`, as sentence-transformers writes
//! it: `modules.json` and the folder of its pooling. Knows no tensor.

use super::config::{Config, object, unsupported};
use super::keys::Keys;
use crate::error::Result;
use crate::gguf::Folder;
use crate::pause::Pauses;
use serde_json::{Map, Value};

/// The longest of these files: real ones have under 1 KB.
const MAX: u64 = 1 << 20;

const MODULES: &str = "modules.json";

/// Modules beside the pooling that change nothing here: a vector has length 1 whatever the folder says.
const PLAIN: [&str; 2] = ["Transformer", "Normalize"];

/// Ways of pooling that there are (`pooling_mode_…`), and what GGUF calls them.
const POOLINGS: [(&str, u64); 3] =
    [("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)];

/// What GGUF calls the matrices behind the pooling, in their order.
pub(super) const DENSE: [&str; 2] = ["dense_2.weight", "dense_3.weight"];

/// A module that computes: the folder with its configuration.
#[derive(Debug, PartialEq)]
enum Module {
    Pooling(String),
    Dense(String),
}

/// Puts what a vector is made of: the mean of all tokens where the folder says nothing, as
/// sentence-transformers has it. Gives the folders of [`DENSE`], if there are any.
///
/// # Errors
/// `Unsupported`, by name, for a module or a pooling that is not computed; `ModelInvalid` for what is
/// malformed; `Io`; what stops `pauses`.
pub(super) async fn put(folder: &Folder, keys: &mut Keys, pauses: &mut Pauses<'_>) -> Result<Vec<String>> {
    let mut dense = Vec::new();
    keys.put_count("pooling_type", Some(1));
    let Some(json) = folder.read(MODULES, MAX, pauses).await? else { return Ok(dense) };
    for module in modules(&json)?.into_iter().flatten() {
        match module {
            Module::Pooling(path) => {
                let file = format!("{path}/config.json");
                let Some(json) = folder.read(&file, MAX, pauses).await? else { continue };
                keys.put_count("pooling_type", Some(pooling(&object(&json, &file)?, &file)?));
            }
            Module::Dense(path) => {
                let file = format!("{path}/config.json");
                let fields = object(&folder.require(&file, MAX, pauses).await?, &file)?;
                put_dense(&Config::new(&fields), dense.len(), keys).map_err(|e| e.within(&file))?;
                dense.push(path);
            }
        }
    }
    match dense.len() {
        0 | 2 => Ok(dense),
        count => Err(unsupported(format!("{MODULES}: {count} Dense modules; none or two are computed"))),
    }
}

/// Puts the widths of the matrix `index` of [`DENSE`].
fn put_dense(config: &Config<'_>, index: usize, keys: &mut Keys) -> Result<()> {
    if config.flag("bias")?.unwrap_or(true) {
        return Err(config.refuse("bias", "such a matrix has none, \"bias\" is false"));
    }
    let function = config.text("activation_function")?.unwrap_or("Tanh");
    if function.rsplit('.').next() != Some("Identity") {
        return Err(config.refuse("activation_function", "there is Identity"));
    }
    for (end, field) in [("in", "in_features"), ("out", "out_features")] {
        keys.put_count(&format!("dense_{}_feat_{end}", index + 2), Some(config.require(field)?));
    }
    Ok(())
}

/// For each module nothing, or what it computes.
fn modules(json: &[u8]) -> Result<Vec<Option<Module>>> {
    // A list is read as the value of an object.
    let wrapped = [br#"{"modules":"#.as_slice(), json, b"}"].concat();
    let fields = object(&wrapped, MODULES)?;
    let list = Config::new(&fields).list("modules")?.unwrap_or_default();
    list.iter().map(module).collect()
}

fn module(module: &Value) -> Result<Option<Module>> {
    let none = Map::new();
    let module = Config::new(module.as_object().unwrap_or(&none));
    let kind = module.text("type")?.unwrap_or_default();
    let name = kind.rsplit('.').next().unwrap_or_default();
    let path = module.text("path")?.unwrap_or_default();
    let shown: String = kind.chars().take(64).collect();
    // A folder in the folder, and nowhere else.
    let is_plain = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match name {
        _ if PLAIN.contains(&name) => Ok(None),
        "Pooling" if is_plain => Ok(Some(Module::Pooling(path.to_owned()))),
        "Dense" if is_plain => Ok(Some(Module::Dense(path.to_owned()))),
        _ => Err(unsupported(format!(
            "{MODULES}: a module {shown:?} in {path:?} is not computed; there are Transformer, Pooling, \
             Dense and Normalize: take the model as GGUF"
        ))),
    }
}

/// What GGUF calls the one way of pooling that `fields` turns on.
fn pooling(fields: &Map<String, Value>, file: &str) -> Result<u64> {
    let on: Vec<&str> = fields
        .iter()
        .filter(|(name, value)| name.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(name, _)| name.as_str())
        .collect();
    let known = |name: &str| POOLINGS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    match on.as_slice() {
        [one] if known(one).is_some() => Ok(known(one).unwrap_or(1)),
        [] => Ok(1),
        _ => {
            let shown: String = on.join(", ").chars().take(128).collect();
            Err(unsupported(format!(
                "{file}: {shown}: one of pooling_mode_mean_tokens, pooling_mode_cls_token and \
                 pooling_mode_lasttoken is possible"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_pool_multiply_or_do_nothing_and_others_are_refused_by_name() {
        let of = |kind: &str, path: &str| format!(r#"{{"idx":0,"path":"{path}","type":"{kind}"}}"#);
        let models = "sentence_transformers.models.";
        let list = |list: &[String]| modules(format!("[{}]", list.join(",")).as_bytes());
        let usual = [
            ("Transformer", ""),
            ("Pooling", "1_Pooling"),
            ("Dense", "2_Dense"),
            ("Normalize", "3_Normalize"),
        ];
        let usual: Vec<_> = usual.iter().map(|(kind, path)| of(&format!("{models}{kind}"), path)).collect();
        let [pooling, dense] =
            [Module::Pooling("1_Pooling".into()), Module::Dense("2_Dense".into())].map(Some);
        assert_eq!(list(&usual).unwrap(), [None, pooling, dense, None]);
        for (kind, path) in
            [("LSTM", "2_LSTM"), ("Dense", "a/b"), ("Pooling", "../elsewhere"), ("Pooling", ""), ("", "")]
        {
            let error = list(&[of(kind, path)]).unwrap_err();
            assert!(error.message().contains(&format!("{kind:?}")), "{error}");
        }
        assert!(modules(b"[").is_err() && modules(b"7").is_err());
    }

    #[test]
    fn one_way_of_pooling_is_taken() {
        let of = |json: &str| pooling(serde_json::from_str::<Value>(json).unwrap().as_object().unwrap(), "f");
        let mean = r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":false}"#;
        assert_eq!(of(mean).unwrap(), 1);
        assert_eq!(of(r#"{"pooling_mode_cls_token":true}"#).unwrap(), 2);
        assert_eq!(of(r#"{"pooling_mode_lasttoken":true}"#).unwrap(), 3);
        assert_eq!(of("{}").unwrap(), 1);
        for both in [
            r#"{"pooling_mode_max_tokens":true}"#,
            r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true}"#,
        ] {
            assert!(of(both).unwrap_err().message().contains("pooling_mode_"));
        }
    }
}
