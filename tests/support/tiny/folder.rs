//! The small models as folders: `config.json`, `tokenizer.json` and safetensors with the same weights, by the
//! names that transformers has for them.

use super::{Tiny, random_tensor};
use serde_json::{Map, Value, json};
use std::path::Path;
use wick::gguf::write::MetaValue;

/// A tensor of a folder: name, dtype, shape with the row last, bytes.
pub type Tensor = (String, &'static str, Vec<u64>, Vec<u8>);

/// Parts of a layer's names, as GGUF and as most folders have them.
const PARTS: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_qkv", "self_attn.qkv_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_inp_shexp", "mlp.shared_expert_gate"),
    ("ffn_gate_shexp", "mlp.shared_expert.gate_proj"),
    ("ffn_up_shexp", "mlp.shared_expert.up_proj"),
    ("ffn_down_shexp", "mlp.shared_expert.down_proj"),
];

const AROUND: &[(&str, &str)] = &[
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

const LFM2: &[(&str, &str)] = &[
    ("attn_norm", "operator_norm"),
    ("ffn_norm", "ffn_norm"),
    ("attn_output", "self_attn.out_proj"),
    ("attn_q_norm", "self_attn.q_layernorm"),
    ("attn_k_norm", "self_attn.k_layernorm"),
    ("shortconv.conv", "conv.conv"),
    ("shortconv.in_proj", "conv.in_proj"),
    ("shortconv.out_proj", "conv.out_proj"),
    ("ffn_gate_inp", "feed_forward.gate"),
    ("ffn_gate", "feed_forward.w1"),
    ("ffn_up", "feed_forward.w3"),
    ("ffn_down", "feed_forward.w2"),
];

/// Architectures that [`Tiny`] can write as folders, and what they are called there.
pub const FAMILIES: &[(&str, &str)] = &[
    ("llama", "llama"),
    ("mistral3", "ministral3"),
    ("qwen2", "qwen2"),
    ("qwen2moe", "qwen2_moe"),
    ("qwen3", "qwen3"),
    ("qwen3moe", "qwen3_moe"),
    ("gemma", "gemma"),
    ("gemma2", "gemma2"),
    ("gemma3", "gemma3_text"),
    ("phi3", "phi3"),
    ("granite", "granite"),
    ("smollm3", "smollm3"),
    ("olmo2", "olmo2"),
    ("olmoe", "olmoe"),
    ("exaone4", "exaone4"),
    ("ernie4_5", "ernie4_5"),
    ("hunyuan-dense", "hunyuan_v1_dense"),
    ("minicpm", "minicpm"),
    ("glm4", "glm4"),
    ("lfm2", "lfm2"),
    ("lfm2moe", "lfm2_moe"),
];

/// Encoders that it can write too, and what they are called there.
const ENCODERS: &[(&str, &str)] = &[("gemma-embedding", "gemma3_text")];

/// Architectures whose queries and keys GGUF has in another order than folders.
pub const PERMUTED: &[&str] = &["llama", "mistral3", "granite", "smollm3", "minicpm"];

fn own_parts(architecture: &str) -> &'static [(&'static str, &'static str)] {
    match architecture {
        "gemma2" | "gemma3" | "gemma-embedding" | "olmo2" | "exaone4" => AROUND,
        "hunyuan-dense" => {
            &[("attn_q_norm", "self_attn.query_layernorm"), ("attn_k_norm", "self_attn.key_layernorm")]
        }
        "phi3" => &[("ffn_up", "mlp.gate_up_proj")],
        "glm4" => &[
            ("post_attention_norm", "post_self_attn_layernorm"),
            ("post_ffw_norm", "post_mlp_layernorm"),
            ("ffn_up", "mlp.gate_up_proj"),
        ],
        "lfm2" | "lfm2moe" => LFM2,
        _ => &[],
    }
}

/// What a folder calls the tensor `name`.
pub fn folder_name(architecture: &str, name: &str) -> String {
    match name {
        "token_embd.weight" => return "model.embed_tokens.weight".into(),
        "output_norm.weight" => return "model.norm.weight".into(),
        "token_embd_norm.weight" => return "model.embedding_norm.weight".into(),
        "output.weight" => return "lm_head.weight".into(),
        _ => {}
    }
    let (layer, rest) = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).expect("a layer's");
    if rest == "exp_probs_b.bias" {
        return format!("model.layers.{layer}.feed_forward.expert_bias");
    }
    let (part, end) = rest.rsplit_once('.').expect("a part");
    let mut parts = own_parts(architecture).iter().chain(PARTS);
    let (_, folder) = parts.find(|(gguf, _)| *gguf == part).unwrap_or_else(|| panic!("{name} has no name"));
    format!("model.layers.{layer}.{folder}.{end}")
}

/// The tensors of a model as its folder has them.
pub fn tensors(tiny: &Tiny) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for (name, shape, kind) in tiny.tensors() {
        // What is behind the pooling has files of its own.
        if tiny.without.contains(&name) || name.starts_with("dense_") {
            continue;
        }
        let mut bytes = random_tensor(tiny.seed, &name, &shape, kind);
        if tiny.architecture.starts_with("gemma") && name.ends_with("norm.weight") {
            // Exact: the weights lie near 1.
            let less = |four: &[u8]| f32::from_le_bytes(four.try_into().expect("four")) - 1.0;
            bytes = bytes.chunks(4).flat_map(|four| less(four).to_le_bytes()).collect();
        }
        let mut dims: Vec<u64> = shape.iter().rev().copied().collect();
        if name.ends_with("shortconv.conv.weight") {
            dims.insert(1, 1);
        }
        if name.ends_with("ffn_gate_inp_shexp.weight") {
            dims.insert(0, 1);
        }
        if name.contains("_exps.") {
            let each = bytes.len() / dims[0] as usize;
            for (expert, bytes) in bytes.chunks(each).enumerate() {
                let name = folder_name(tiny.architecture, &name.replace("_exps", ""));
                let name = ["mlp.", "feed_forward."]
                    .into_iter()
                    .fold(name, |name, front| name.replace(front, &format!("{front}experts.{expert}.")));
                tensors.push((name, kind.name(), dims[1..].to_vec(), bytes.to_vec()));
            }
            continue;
        }
        tensors.push((folder_name(tiny.architecture, &name), kind.name(), dims, bytes));
    }
    tensors
}

/// A safetensors file.
pub fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let (mut header, mut at) = (Map::new(), 0);
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    for (name, dtype, shape, bytes) in tensors {
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes.len()]});
        header.insert(name.clone(), entry);
        at += bytes.len();
    }
    with_header(&Value::from(header).to_string(), tensors)
}

/// A safetensors file that says of its tensors what `header` does.
pub fn with_header(header: &str, tensors: &[Tensor]) -> Vec<u8> {
    let mut header = header.as_bytes().to_vec();
    header.resize(header.len().next_multiple_of(8), b' ');
    let data = tensors.iter().flat_map(|(.., bytes)| bytes).copied();
    let length = (header.len() as u64).to_le_bytes();
    length.into_iter().chain(header.iter().copied()).chain(data).collect()
}

/// What `config.json` says of the model.
pub fn config(tiny: &Tiny) -> Value {
    let mut all = FAMILIES.iter().chain(ENCODERS);
    let (_, model_type) = all.find(|(name, _)| *name == tiny.architecture).expect("a folder's");
    let key = |key: &str| {
        let full = format!("{}.{key}", tiny.architecture);
        let own = tiny.keys.iter().find(|(own, _)| *own == full).map(|(_, value)| value.clone());
        own.or(tiny.standard_keys().into_iter().find(|(own, _)| *own == full).map(|(_, value)| value))
    };
    let number = |name: &str| match key(name) {
        Some(MetaValue::F32(number)) => json!(f64::from(number)),
        Some(MetaValue::U32(number)) => json!(number),
        Some(MetaValue::I32(number)) => json!(number),
        _ => Value::Null,
    };
    let gelu = tiny.architecture.starts_with("gemma");
    let mut config = json!({
        "model_type": model_type,
        "hidden_size": tiny.width,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
        "num_key_value_heads": tiny.kv_heads,
        "head_dim": tiny.head_dim,
        "intermediate_size": tiny.feed_forward,
        "max_position_embeddings": tiny.context,
        "vocab_size": tiny.vocab,
        "hidden_act": if gelu { "gelu_pytorch_tanh" } else { "silu" },
        "rms_norm_eps": f64::from(1e-5f32),
        "rope_theta": 10_000.0,
        "tie_word_embeddings": tiny.tied,
        "sliding_window": number("attention.sliding_window"),
    });
    let own = match tiny.architecture {
        "gemma2" | "gemma3" => json!({
            "query_pre_attn_scalar": tiny.head_dim,
            "attn_logit_softcapping": number("attn_logit_softcapping"),
            "final_logit_softcapping": number("final_logit_softcapping"),
            "rope_local_base_freq": 10_000.0,
        }),
        "gemma-embedding" => json!({
            "query_pre_attn_scalar": tiny.head_dim,
            "rope_local_base_freq": 10_000.0,
            "use_bidirectional_attention": true,
            "_sliding_window_pattern": 6,
        }),
        "granite" => json!({
            "embedding_multiplier": number("embedding_scale"),
            "residual_multiplier": number("residual_scale"),
            "attention_multiplier": number("attention.scale"),
            "logits_scaling": number("logit_scale"),
        }),
        "minicpm" => json!({"scale_emb": 12.0, "scale_depth": 1.4, "dim_model_base": 16}),
        "qwen3moe" => json!({
            "num_experts": tiny.experts.0,
            "num_experts_per_tok": tiny.experts.1,
            "moe_intermediate_size": tiny.feed_forward,
            "norm_topk_prob": true,
        }),
        "qwen2moe" => json!({
            "num_experts": tiny.experts.0,
            "num_experts_per_tok": tiny.experts.1,
            "moe_intermediate_size": tiny.feed_forward,
            "shared_expert_intermediate_size": tiny.feed_forward,
        }),
        "olmoe" => json!({"num_experts": tiny.experts.0, "num_experts_per_tok": tiny.experts.1}),
        "mistral3" => json!({"rope_parameters": {
            "rope_theta": 10_000.0,
            "rope_type": "yarn",
            "factor": 8.0,
            "original_max_position_embeddings": 64,
            "beta_fast": 2.0,
            "beta_slow": 0.25,
            "mscale": 1.0,
            "mscale_all_dim": f64::from(0.7f32),
            "llama_4_scaling_beta": f64::from(0.1f32),
        }}),
        "glm4" => json!({"partial_rotary_factor": 0.5}),
        "lfm2" | "lfm2moe" => json!({
            "norm_eps": f64::from(1e-5f32),
            "conv_L_cache": 3,
            "block_auto_adjust_ff_dim": false,
            "layer_types": (0..tiny.layers)
                .map(|layer| if layer % 3 == 2 { "full_attention" } else { "conv" })
                .collect::<Vec<_>>(),
            "num_experts": tiny.experts.0,
            "num_experts_per_tok": tiny.experts.1,
            "moe_intermediate_size": tiny.feed_forward,
            "num_dense_layers": 1,
        }),
        _ => json!({}),
    };
    merge(&mut config, own);
    config
}

/// Puts the fields of `more` into `object`; null takes them out.
pub fn merge(object: &mut Value, more: Value) {
    let (Value::Object(object), Value::Object(more)) = (object, more) else { panic!("no objects") };
    for (field, value) in more {
        match value {
            Value::Null => drop(object.remove(&field)),
            value => drop(object.insert(field, value)),
        }
    }
}

/// A byte-level `tokenizer.json`: letters, and `<s>`, `</s>` behind them.
pub fn tokenizer() -> Value {
    let letters = ('!'..='~').chain(['Ġ', 'Ċ']).enumerate();
    let vocab: Map<String, Value> = letters.map(|(id, letter)| (letter.to_string(), id.into())).collect();
    let first = vocab.len();
    let added = |id: usize, content: &str| {
        json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
    };
    json!({
        "version": "1.0",
        "added_tokens": [added(first, "<s>"), added(first + 1, "</s>")],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    })
}

/// Writes the model's folder, its weights in so many files.
pub fn write(tiny: &Tiny, folder: &Path, shards: usize) {
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("written");
    put("config.json", config(tiny).to_string().as_bytes());
    put("tokenizer.json", tokenizer().to_string().as_bytes());
    put(
        "tokenizer_config.json",
        json!({"bos_token": "<s>", "eos_token": {"content": "</s>"},
        "chat_template": "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}"})
        .to_string()
        .as_bytes(),
    );
    put(
        "generation_config.json",
        json!({"eos_token_id": [97], "do_sample": true, "temperature": 0.5,
        "top_k": 7, "top_p": 0.75})
        .to_string()
        .as_bytes(),
    );
    let tensors = tensors(tiny);
    if shards == 1 {
        return put("model.safetensors", &safetensors(&tensors));
    }
    let mut map = Map::new();
    for (index, part) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let name = format!("model-{:05}-of-{shards:05}.safetensors", index + 1);
        put(&name, &safetensors(part));
        map.extend(part.iter().map(|(tensor, ..)| (tensor.clone(), name.clone().into())));
    }
    put("model.safetensors.index.json", json!({"metadata": {}, "weight_map": map}).to_string().as_bytes());
}

/// Writes `modules.json` and the folders that it names: how rows are pooled, and matrices behind it,
/// `(inputs, outputs, bytes)`.
pub fn write_modules(folder: &Path, pooling: &str, dense: &[(u64, u64, Vec<u8>)]) {
    let module = |name: &str, path: &str| json!({"type": format!("sentence_transformers.models.{name}"), "path": path});
    let mut modules = vec![module("Transformer", ""), module("Pooling", "1_Pooling")];
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    };
    let kind = json!({"word_embedding_dimension": 64, format!("pooling_mode_{pooling}"): true});
    put("1_Pooling/config.json", kind.to_string().as_bytes());
    for (index, (inputs, outputs, bytes)) in dense.iter().enumerate() {
        let path = format!("{}_Dense", index + 2);
        modules.push(module("Dense", &path));
        let config = json!({"in_features": inputs, "out_features": outputs, "bias": false,
            "activation_function": "torch.nn.modules.linear.Identity"});
        put(&format!("{path}/config.json"), config.to_string().as_bytes());
        let tensor = ("linear.weight".to_owned(), "F32", vec![*outputs, *inputs], bytes.clone());
        put(&format!("{path}/model.safetensors"), &safetensors(&[tensor]));
    }
    modules.push(module("Normalize", "4_Normalize"));
    put("modules.json", Value::from(modules).to_string().as_bytes());
}

/// The rows of a matrix, of `head_dim` rows to a head, with the halves of each head interleaved as GGUF has
/// them.
pub fn interleaved(bytes: &[u8], row_bytes: usize, head_dim: usize) -> Vec<u8> {
    let rows: Vec<&[u8]> = bytes.chunks(row_bytes).collect();
    let head = |head: &[&[u8]]| -> Vec<u8> {
        (0..head_dim).flat_map(|at| head[at % 2 * head_dim / 2 + at / 2].iter().copied()).collect()
    };
    rows.chunks(head_dim).flat_map(head).collect()
}
