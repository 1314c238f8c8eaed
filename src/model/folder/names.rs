//! What GGUF calls the tensors of a folder. Knows names; no shape.

use super::config::{MAX_LAYERS, unsupported};
use super::row::Row;
use crate::error::{Error, Result};

/// What stands in front of the text model's names, the longest first: models that also see are several.
const FRONTS: [&str; 5] =
    ["model.language_model.", "language_model.model.", "language_model.", "model.", "bert."];

/// Tensors that are not the text model's.
const OTHERS: [&str; 6] = [
    "vision_tower.",
    "vision_model.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.vision_model.",
    "model.multi_modal_projector.",
];

/// Tables that some files have and that are computed here.
const TABLES: [&str; 3] = ["rotary_emb.inv_freq", "attn.masked_bias", "embeddings.position_ids"];

/// Tensors of no layer.
const WHOLE: [(&str, &str); 4] = [
    ("embed_tokens.weight", "token_embd.weight"),
    ("norm.weight", "output_norm.weight"),
    ("lm_head.weight", "output.weight"),
    ("lm_head.bias", "output.bias"),
];

/// What of a layer is called what, without `weight` and `bias`.
const PARTS: [(&str, &str); 12] = [
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// What of an expert is called what, in most families.
pub(super) const EXPERT: &[(&str, &str)] =
    &[("gate_proj", "ffn_gate"), ("up_proj", "ffn_up"), ("down_proj", "ffn_down")];

impl Row {
    /// What GGUF calls the tensor `name`; `None` for one that is not needed: with `tied` the matrix of the
    /// output is the embedding's.
    ///
    /// # Errors
    /// `Unsupported` for one that the family has not.
    pub(super) fn gguf_name(&self, name: &str, tied: bool) -> Result<Option<String>> {
        if OTHERS.iter().any(|front| name.starts_with(front)) || TABLES.iter().any(|end| name.ends_with(end))
        {
            return Ok(None);
        }
        let front = FRONTS.iter().find_map(|front| name.strip_prefix(front));
        let rest = front.unwrap_or(name);
        let mut whole = self.whole.iter().chain(&WHOLE);
        let found = match whole.find(|(folder, _)| *folder == rest) {
            Some((_, "output.weight")) if tied => return Ok(None),
            Some((_, gguf)) => Some((*gguf).to_owned()),
            None => self.in_layer(rest),
        };
        found.map(Some).ok_or_else(|| {
            let shown: String = name.chars().take(128).collect();
            let family = self.names.first().copied().unwrap_or_default();
            unsupported(format!("tensor {shown:?} is nothing that {family} computes with"))
        })
    }

    fn in_layer(&self, rest: &str) -> Option<String> {
        let (layer, rest) = rest.strip_prefix(self.layers)?.split_once('.')?;
        let layer = number(layer)?;
        if let Some((_, gguf)) = self.bare.iter().find(|(folder, _)| *folder == rest) {
            return Some(format!("blk.{layer}.{gguf}"));
        }
        let (part, end) = rest.rsplit_once('.').filter(|(_, end)| ["weight", "bias"].contains(end))?;
        let (front, parts) = self.experts;
        if let Some((expert, part)) = part.strip_prefix(front).and_then(|rest| rest.split_once('.')) {
            let (_, gguf) = parts.iter().find(|(folder, _)| *folder == part)?;
            return Some(format!("blk.{layer}.{gguf}.{}.{end}", number(expert)?));
        }
        let (_, gguf) = self.parts.iter().chain(&PARTS).find(|(folder, _)| *folder == part)?;
        Some(format!("blk.{layer}.{gguf}.{end}"))
    }

    /// What the folder calls the tensor that GGUF calls `name`.
    fn folder_name(&self, name: &str) -> Option<String> {
        let mut whole = self.whole.iter().chain(&WHOLE);
        if let Some((folder, _)) = whole.find(|(_, gguf)| *gguf == name) {
            let bare = folder.starts_with("lm_head") || self.encodes;
            return Some(if bare { (*folder).into() } else { format!("model.{folder}") });
        }
        let front = format!("{}{}", if self.encodes { "" } else { "model." }, self.layers);
        let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
        if let Some((folder, _)) = self.bare.iter().find(|(_, gguf)| *gguf == rest) {
            return Some(format!("{front}{layer}.{folder}"));
        }
        let (part, end) = rest.rsplit_once('.')?;
        let parts = || self.parts.iter().chain(&PARTS);
        if let Some((folder, _)) = parts().find(|(_, gguf)| *gguf == part) {
            return Some(format!("{front}{layer}.{folder}.{end}"));
        }
        let (part, expert) = part.split_once('.')?;
        let (expert_front, parts) = self.experts;
        let (folder, _) = parts.iter().find(|(_, gguf)| *gguf == part)?;
        Some(format!("{front}{layer}.{expert_front}{expert}.{folder}.{end}"))
    }

    /// `error` with the folder's name of the tensor that its message names as GGUF does.
    pub(super) fn explain(&self, error: Error) -> Error {
        let named = error.message().split('"').skip(1).step_by(2).find_map(|name| self.folder_name(name));
        match named {
            Some(name) => error.within(format!("{name} of the folder")),
            None => error,
        }
    }
}

/// The number of a layer or an expert, as it is written and in no other way.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|number| *number < MAX_LAYERS)?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use crate::model::folder::families::ROWS;

    #[test]
    fn every_part_of_a_name_leads_there_and_back() {
        for row in ROWS {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            let layer = format!("{}{}12.", if row.encodes { "" } else { "model." }, row.layers);
            for (folder, gguf) in row.parts.iter().chain(&super::PARTS) {
                let name = format!("{layer}{folder}.weight");
                if row.parts.iter().any(|(own, other)| own == folder && other != gguf) {
                    continue;
                }
                let found = row.gguf_name(&name, false).unwrap().unwrap();
                there.push(found.clone());
                back.push(row.folder_name(&found).unwrap());
                assert!(found.starts_with("blk.12."), "{found}");
            }
            assert!(there.len() >= super::PARTS.len() - row.parts.len());
            let (front, parts) = row.experts;
            let experts = parts.iter().map(|(folder, _)| format!("{front}7.{folder}.weight"));
            for part in experts.chain(row.bare.iter().map(|(folder, _)| (*folder).to_owned())) {
                let name = format!("{layer}{part}");
                let found = row.gguf_name(&name, false).unwrap().unwrap();
                assert!(found.starts_with("blk.12."), "{found}");
                assert_eq!(row.folder_name(&found), Some(name));
            }
            for (found, name) in there.iter().zip(&back) {
                assert_eq!(row.gguf_name(name, false).unwrap().as_ref(), Some(found), "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_the_text_models_is_passed_over_and_the_unknown_refused() {
        let llama = &ROWS[0];
        for name in ["vision_tower.layers.0.weight", "model.layers.0.self_attn.rotary_emb.inv_freq"] {
            assert_eq!(llama.gguf_name(name, false).unwrap(), None, "{name}");
        }
        assert_eq!(llama.gguf_name("lm_head.weight", true).unwrap(), None);
        let named = |name: &str| llama.gguf_name(name, false).unwrap();
        assert_eq!(named("lm_head.weight").as_deref(), Some("output.weight"));
        assert_eq!(named("language_model.model.norm.weight").as_deref(), Some("output_norm.weight"));
        for name in [
            "model.layers.01.mlp.up_proj.weight",
            "model.layers.9999.mlp.up_proj.weight",
            "",
            "layers.",
            "model.layers.0.mlp.up_proj.scale",
            "model.layers.0.mlp.experts.0.weight",
        ] {
            let error = llama.gguf_name(name, false).unwrap_err();
            assert!(error.message().contains(&format!("{name:?}")), "{error}");
        }
    }
}
