//! Encoders of BERT's kinds out of their folders: the bits of the GGUF with the same weights; and what of
//! them is refused, by name.
#![cfg(all(feature = "folders", feature = "native"))]

use crate::bert::{CONTEXT, EPSILON, HEADS, INNER, LAYERS, Small, WIDTH, text, vector};
use crate::folders::open_folder;
use crate::support::driver::{Driver, bits};
use crate::support::tiny::{folder, random_tensor};
use serde_json::{Value, json};
use tempfile::TempDir;
use wick::gguf::TensorType;

/// The model as sentence-transformers writes it, by the names of its class; what pools where, and fields that
/// are otherwise.
fn written(small: &Small, pooling: &str, other: Value) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let is_bert = small.architecture == "bert";
    let mut config = if is_bert {
        json!({"model_type": "bert", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "intermediate_size": INNER, "max_position_embeddings": CONTEXT,
            "hidden_act": "gelu", "layer_norm_eps": f64::from(EPSILON)})
    } else {
        json!({"model_type": "nomic_bert", "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS,
            "n_inner": INNER, "n_positions": 4 * CONTEXT, "max_trained_positions": CONTEXT,
            "activation_function": "swiglu", "layer_norm_epsilon": f64::from(EPSILON),
            "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false,
            "rotary_emb_scale_base": null, "prenorm": false, "causal": false, "parallel_block": false})
    };
    folder::merge(&mut config, other);
    let names: &[(&str, &str)] = match is_bert {
        true => &[
            ("token_embd_norm", "embeddings.LayerNorm"),
            ("token_embd", "embeddings.word_embeddings"),
            ("position_embd", "embeddings.position_embeddings"),
            ("token_types", "embeddings.token_type_embeddings"),
            ("cls.output", "classifier"),
            ("cls", "bert.pooler.dense"),
            ("attn_output_norm", "attention.output.LayerNorm"),
            ("attn_output", "attention.output.dense"),
            ("layer_output_norm", "output.LayerNorm"),
            ("attn_q", "attention.self.query"),
            ("attn_k", "attention.self.key"),
            ("attn_v", "attention.self.value"),
            ("ffn_up", "intermediate.dense"),
            ("ffn_down", "output.dense"),
        ],
        false => &[
            ("token_embd_norm", "emb_ln"),
            ("token_embd", "embeddings.word_embeddings"),
            ("token_types", "embeddings.token_type_embeddings"),
            ("attn_output_norm", "norm1"),
            ("attn_output", "attn.out_proj"),
            ("layer_output_norm", "norm2"),
            ("attn_qkv", "attn.Wqkv"),
            ("ffn_up", "mlp.fc11"),
            ("ffn_gate", "mlp.fc12"),
            ("ffn_down", "mlp.fc2"),
        ],
    };
    let layers = if is_bert { "encoder.layer" } else { "encoder.layers" };
    let tensors = small.tensors.iter().map(|(name, shape)| {
        let (front, rest) = match name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
            Some((layer, rest)) => (format!("{layers}.{layer}."), rest),
            None => (String::new(), name.as_str()),
        };
        let (part, end) = rest.rsplit_once('.').expect("a part");
        let (_, part) = names.iter().find(|(gguf, _)| *gguf == part).expect("a name");
        let shape: Vec<u64> = shape.iter().rev().copied().collect();
        let bytes = random_tensor(7, name, small.tensors[name].as_slice(), TensorType::F32);
        (format!("{front}{part}.{end}"), "F32", shape, bytes)
    });
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
    put("config.json", config.to_string().as_bytes());
    put("model.safetensors", &folder::safetensors(&tensors.collect::<Vec<_>>()));
    folder::write_modules(folder.path(), pooling, &[]);
    folder
}

#[test]
fn out_of_a_folder_vectors_and_scores_are_those_of_the_gguf() {
    let same = |small: &Small, folder: &TempDir| {
        let mut found = Driver::over(open_folder(folder.path()).unwrap(), 1);
        assert_eq!(found.decoder.spec().context_length, CONTEXT);
        let mut wanted = Driver::over(small.file(), 1);
        for length in [1, 12, CONTEXT] {
            let tokens = text(8, length);
            let [found, wanted] = [&mut found, &mut wanted].map(|driver| bits(&vector(driver, &tokens)));
            assert_eq!(found, wanted, "{} {length}", small.architecture);
        }
    };
    for architecture in ["bert", "nomic-bert"] {
        for (pooling, kind) in [("mean_tokens", 1u32), ("cls_token", 2), ("lasttoken", 3)] {
            let small = Small::new(architecture).with("pooling_type", kind);
            same(&small, &written(&small, pooling, json!({})));
        }
    }
    // Its classifier beside, and no modules that count.
    let class = json!({"architectures": ["BertForSequenceClassification"]});
    same(&Small::ranking(), &written(&Small::ranking(), "mean_tokens", class.clone()));
    let refused = |small: &Small, other: Value, part: &str| {
        let error = open_folder(written(small, "cls_token", other).path()).err().expect("a refusal");
        assert!(error.message().contains(part), "{error}");
    };
    refused(&Small::ranking().without("cls.output.bias"), class.clone(), "classifier.bias");
    refused(&Small::new("bert"), class, "pooler.dense.weight");
    refused(&Small::ranking(), json!({}), "classifier");
    for field in ["prenorm", "causal", "parallel_block", "use_rms_norm", "rotary_emb_interleaved"] {
        refused(&Small::new("nomic-bert"), json!({ field: true }), field);
    }
    refused(&Small::new("nomic-bert"), json!({"moe_every_n_layers": 2}), "moe_every_n_layers");
    refused(&Small::new("nomic-bert"), json!({"rotary_emb_scale_base": 512}), "rotary_emb_scale_base");
    refused(&Small::new("nomic-bert"), json!({"activation_function": "gelu"}), "hidden_act");
}
