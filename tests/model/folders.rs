//! Models in folders: the same logits, bit for bit, as the GGUF with the same weights; and the folders that
//! are refused, by name (F12).
#![cfg(all(feature = "folders", feature = "native"))]

use crate::support::driver::{Driver, bits, load};
use crate::support::tiny::folder::{self, FAMILIES, PERMUTED, merge};
use crate::support::tiny::known::{apart, dense_behind, tokens};
use crate::support::tiny::{Tiny, open, random_tensor};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use wick::gguf::{Folder, Gguf, Limits, Source, TensorType};
use wick::model::FolderModel;
use wick::pause::{Pauses, at_once};
use wick::{Error, ErrorKind, Result};

/// A model of a family, with keys for what a folder always says.
fn tiny(architecture: &'static str) -> Tiny {
    let tiny = Tiny::new(architecture);
    match architecture {
        "minicpm" => {
            let residual = 1.4 / (tiny.layers as f64).sqrt();
            tiny.with("residual_scale", residual as f32).with("logit_scale", 4.0)
        }
        _ => tiny,
    }
}

/// The model in `path`, its header read and its weights opened.
pub fn open_folder(path: &Path) -> Result<Arc<Gguf>> {
    let folder = Folder::of(&Source::path(path)).expect("a folder with config.json");
    let model = at_once(FolderModel::read(&folder, &Limits::default(), &mut Pauses::none()))?;
    let names = model.names;
    let gguf = Arc::new(model.described.open(&Limits::default())?);
    // As a load does.
    let explained = |error: Error| names.explain(error).within(path.display());
    load(gguf.clone(), 1).map(|_| gguf).map_err(explained)
}

fn written(tiny: &Tiny, shards: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    folder::write(tiny, folder.path(), shards);
    folder
}

fn logits(gguf: Arc<Gguf>, tokens: &[u32]) -> Vec<f32> {
    let mut driver = Driver::over(gguf, 2);
    let sequence = driver.sequence();
    driver.extend(sequence, tokens)
}

/// Checks that a folder gives the bits of its GGUF.
fn compare(tiny: &Tiny, shards: usize) {
    let name = format!("{} {} in {shards}", tiny.architecture, tiny.matrices.name());
    let folder = written(tiny, shards);
    let gguf = match PERMUTED.contains(&tiny.architecture) {
        true => tiny.clone().with("rope.rotate_half", true),
        false => tiny.clone(),
    };
    let found = open_folder(folder.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(found.is_mapped() && found.parts() == shards, "{name}");
    let tokens = tokens(tiny);
    assert_eq!(bits(&logits(found, &tokens)), bits(&logits(gguf.open(), &tokens)), "{name}");
}

#[test]
fn logits_of_every_family_are_those_of_its_gguf() {
    for (architecture, _) in FAMILIES {
        compare(&tiny(architecture), 1);
    }
}

#[test]
fn vectors_of_embedding_gemma_are_those_of_its_gguf() {
    let plain = Tiny { tied: true, ..Tiny::new("gemma-embedding") };
    let width = plain.width;
    for (tiny, pooling, kind) in [
        (plain.clone(), "mean_tokens", 1u32),
        (plain.clone(), "lasttoken", 3),
        (dense_behind(plain.clone()), "mean_tokens", 1),
    ] {
        let folder = written(&tiny, 1);
        let has_dense = tiny.more.iter().any(|(name, _)| name.starts_with("dense_"));
        let dense = [("dense_2.weight", width, 3 * width), ("dense_3.weight", 3 * width, width)];
        let dense = dense.into_iter().filter(|_| has_dense).map(|(name, inputs, outputs)| {
            (inputs, outputs, random_tensor(tiny.seed, name, &[inputs, outputs], TensorType::F32))
        });
        folder::write_modules(folder.path(), pooling, &dense.collect::<Vec<_>>());
        let found = open_folder(folder.path()).unwrap();
        let gguf = tiny.clone().with("pooling_type", kind).open();
        let tokens = tokens(&tiny);
        assert_eq!(bits(&logits(found, &tokens)), bits(&logits(gguf, &tokens)), "{pooling}");
    }
    // A matrix that is not there, one alone, and one with more to it.
    let folder = written(&plain, 1);
    let bytes = |inputs, outputs| random_tensor(1, "dense", &[inputs, outputs], TensorType::F32);
    let error = || open_folder(folder.path()).err().expect("a refusal");
    folder::write_modules(folder.path(), "mean_tokens", &[(width, width, bytes(width, width))]);
    assert!(error().message().contains("1 Dense modules"), "{}", error());
    let two = [(width, 32, bytes(width, 32)), (width, width, bytes(width, width))];
    folder::write_modules(folder.path(), "mean_tokens", &two);
    assert!(error().message().contains("dense_3_feat_in"), "{}", error());
    let config = folder.path().join("3_Dense/config.json");
    let said = fs::read_to_string(&config).unwrap();
    fs::write(&config, said.replace("Identity", "Tanh")).unwrap();
    assert!(error().message().contains("activation_function"), "{}", error());
    fs::write(&config, said.replace("false", "true")).unwrap();
    assert!(error().message().contains("\"bias\""), "{}", error());
    fs::remove_file(folder.path().join("2_Dense/model.safetensors")).unwrap();
    fs::write(&config, said).unwrap();
    assert!(error().message().contains("2_Dense"), "{}", error());
}

#[test]
fn logits_are_the_same_in_halves_and_in_several_files() {
    for kind in [TensorType::F16, TensorType::BF16] {
        for architecture in ["llama", "qwen3", "lfm2"] {
            compare(&tiny(architecture).of(kind), 1);
        }
    }
    compare(&tiny("qwen2"), 3);
    compare(&Tiny { tied: true, ..tiny("gemma3") }, 2);
    compare(&Tiny { fused: true, ..tiny("qwen3") }, 2);
}

#[test]
fn ggufs_order_of_queries_and_keys_differs_by_no_more_than_rounding() {
    let tiny = tiny("llama");
    let folder = written(&tiny, 1);
    let mut writer = tiny.writer_of_keys();
    for (name, shape, kind) in tiny.tensors() {
        let mut bytes = random_tensor(tiny.seed, &name, &shape, kind);
        if name.ends_with("attn_q.weight") || name.ends_with("attn_k.weight") {
            bytes = folder::interleaved(&bytes, tiny.width as usize * 4, tiny.head_dim as usize);
        }
        writer = writer.tensor(&name, kind, &shape, bytes);
    }
    let tokens = tokens(&tiny);
    let wanted = logits(open(writer.to_bytes()), &tokens);
    let found = logits(open_folder(folder.path()).unwrap(), &tokens);
    let apart = apart(&wanted, &found);
    assert!(apart < 1e-5, "{apart}");
}

#[test]
fn scalings_of_rope_are_those_of_the_keys() {
    let scaled = |scaling: Value, more: Value| {
        let tiny = Tiny { context: 4096, ..tiny("llama") };
        let folder = written(&tiny, 1);
        let mut config = folder::config(&tiny);
        merge(&mut config, json!({ "rope_scaling": scaling }));
        merge(&mut config, more);
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        (logits(open_folder(folder.path()).unwrap(), &tokens(&tiny)), tiny.with("rope.rotate_half", true))
    };
    let of = |tiny: &Tiny| logits(tiny.open(), &tokens(tiny));
    let (plain, tiny) = scaled(Value::Null, json!({}));
    assert_eq!(bits(&plain), bits(&of(&tiny)));
    let (linear, tiny) = scaled(json!({"type": "linear", "factor": 4.0}), json!({}));
    let keys = tiny.with("rope.scaling.type", "linear").with("rope.scaling.factor", 4.0);
    assert_eq!(bits(&linear), bits(&of(&keys)));
    assert_ne!(bits(&linear), bits(&plain));
    let yarn = json!({"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64});
    let (yarn, tiny) = scaled(yarn, json!({}));
    let keys = tiny
        .with("rope.scaling.type", "yarn")
        .with("rope.scaling.factor", 8.0)
        .with("rope.scaling.original_context_length", 64u32);
    assert_eq!(bits(&yarn), bits(&of(&keys)));
    // Bands that are neither left alone nor divided by the whole factor are a mixture.
    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 256, "rope_theta": 10_000.0});
    let (llama3, tiny) = scaled(Value::Null, json!({ "rope_parameters": llama3 }));
    let factors: Vec<u8> = (0..8)
        .map(|pair| {
            let turns = 256.0 * 10_000f64.powf(-f64::from(pair) / 8.0) / (2.0 * std::f64::consts::PI);
            let smooth = ((turns - 1.0) / 3.0).clamp(0.0, 1.0);
            (1.0 / ((1.0 - smooth) / 8.0 + smooth)) as f32
        })
        .flat_map(f32::to_le_bytes)
        .collect();
    let file = tiny.writer().tensor("rope_freqs.weight", TensorType::F32, &[8], factors);
    assert!(apart(&logits(open(file.to_bytes()), &tokens(&tiny)), &llama3) < 1e-5);
    let lists = json!({"type": "longrope", "long_factor": vec![2; 8], "short_factor": vec![1; 8]});
    let (long, tiny) = scaled(lists, json!({"original_max_position_embeddings": 64}));
    let attention = (1.0 + 64f64.ln() / 64f64.ln()).sqrt() as f32;
    let keys = tiny.with("rope.scaling.type", "longrope").with("rope.scaling.attn_factor", attention);
    let twos: Vec<u8> = [2.0f32; 8].iter().flat_map(|two| two.to_le_bytes()).collect();
    let file = keys.writer().tensor("rope_freqs.weight", TensorType::F32, &[8], twos);
    assert!(apart(&logits(open(file.to_bytes()), &tokens(&keys)), &long) < 1e-5);
}

#[test]
fn a_window_that_the_architecture_lacks_bounds_the_context() {
    let tiny = tiny("llama");
    let folder = written(&tiny, 1);
    let mut config = folder::config(&tiny);
    merge(&mut config, json!({"model_type": "mistral", "sliding_window": 100}));
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let gguf = open_folder(folder.path()).unwrap();
    assert_eq!(gguf.metadata().require::<u64>("llama.context_length"), Ok(100));
}

/// The error of a folder whose files `change` has changed.
fn refused(tiny: &Tiny, shards: usize, change: impl FnOnce(&Path)) -> Error {
    let folder = written(tiny, shards);
    change(folder.path());
    let error = open_folder(folder.path()).err().expect("a refusal");
    assert!(error.message().starts_with(&folder.path().display().to_string()), "{error}");
    error
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    parts.iter().for_each(|part| assert!(error.message().contains(part), "{error} lacks {part:?}"));
}

#[test]
fn f12_a_config_that_cannot_be_computed_is_refused_by_its_field() {
    use ErrorKind::{ModelInvalid, Unsupported};
    let with = |more: Value| {
        refused(&tiny("llama"), 1, |path| {
            let mut config = folder::config(&tiny("llama"));
            merge(&mut config, more);
            fs::write(path.join("config.json"), config.to_string()).unwrap();
        })
    };
    says(&with(json!({"model_type": "qwen33"})), Unsupported, &["\"qwen33\"", "nearest known is qwen3"]);
    says(&with(json!({"model_type": null})), ModelInvalid, &["model_type"]);
    says(&with(json!({"model_type": 7})), ModelInvalid, &["model_type", "7"]);
    let quantised = json!({"quantization_config": {"quant_method": "fp8"}});
    says(&with(quantised), Unsupported, &["quantization_config", "fp8", "GGUF"]);
    says(&with(json!({"hidden_act": "relu2"})), Unsupported, &["hidden_act", "relu2", "silu"]);
    says(&with(json!({"hidden_size": null})), ModelInvalid, &["\"hidden_size\" is missing"]);
    says(&with(json!({"hidden_size": -1})), ModelInvalid, &["hidden_size", "-1"]);
    says(&with(json!({"hidden_size": "wide"})), ModelInvalid, &["hidden_size", "wide"]);
    says(&with(json!({"num_hidden_layers": 1u64 << 40})), ModelInvalid, &["num_hidden_layers", "1024"]);
    says(&with(json!({"num_hidden_layers": 4})), ModelInvalid, &["model.layers.3.", "missing"]);
    says(&with(json!({"num_hidden_layers": 2})), ModelInvalid, &["blk.2", "beyond"]);
    says(
        &with(json!({"intermediate_size": 32})),
        ModelInvalid,
        &["model.layers.0.mlp.down_proj.weight", "shape"],
    );
    says(&with(json!({"head_dim": 1u64 << 60})), ModelInvalid, &["key_length"]);
    says(&with(json!({"rope_scaling": {"type": "dynamic", "factor": 2}})), Unsupported, &["dynamic", "yarn"]);
    says(&with(json!({"rope_scaling": {"type": "linear"}})), ModelInvalid, &["factor"]);
    says(
        &with(json!({"rope_scaling": {"type": "longrope", "long_factor": "x"}})),
        ModelInvalid,
        &["long_factor"],
    );
    let wide = json!({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
        "high_freq_factor": 4}, "head_dim": 1u64 << 60});
    says(&with(wide), ModelInvalid, &["key_length"]);
    for text in ["", "[]", "{\"a\"", &"[".repeat(100_000)] {
        let error = refused(&tiny("llama"), 1, |path| fs::write(path.join("config.json"), text).unwrap());
        says(&error, ModelInvalid, &["config.json"]);
    }
    let long = " ".repeat(2 << 20);
    let error = refused(&tiny("llama"), 1, |path| fs::write(path.join("config.json"), &long).unwrap());
    says(&error, ModelInvalid, &["config.json", "2097152 bytes"]);
}

#[test]
fn f12_experts_that_are_weighed_or_laid_out_otherwise_are_refused_by_their_field() {
    let cases = [
        ("qwen2moe", json!({"norm_topk_prob": true}), "norm_topk_prob"),
        ("qwen2moe", json!({"decoder_sparse_step": 2}), "decoder_sparse_step"),
        ("qwen2moe", json!({"mlp_only_layers": [0]}), "mlp_only_layers"),
        ("qwen2moe", json!({"shared_expert_intermediate_size": null}), "shared_expert_intermediate_size"),
        ("qwen3moe", json!({"norm_topk_prob": false}), "norm_topk_prob"),
        ("olmoe", json!({"norm_topk_prob": true}), "norm_topk_prob"),
        ("olmoe", json!({"clip_qkv": 8.0}), "clip_qkv"),
        ("lfm2moe", json!({"norm_topk_prob": false}), "norm_topk_prob"),
        ("lfm2moe", json!({"use_expert_bias": false}), "use_expert_bias"),
        ("lfm2moe", json!({"routed_scaling_factor": 2.5}), "routed_scaling_factor"),
    ];
    for (architecture, more, field) in cases {
        let tiny = tiny(architecture);
        let error = refused(&tiny, 1, |path| {
            let mut config = folder::config(&tiny);
            merge(&mut config, more);
            fs::write(path.join("config.json"), config.to_string()).unwrap();
        });
        let kind = if field.starts_with("shared") { ErrorKind::ModelInvalid } else { ErrorKind::Unsupported };
        says(&error, kind, &["config.json", field]);
    }
    let missing = "model.layers.1.mlp.experts.3.up_proj.weight";
    let error = refused(&tiny("qwen2moe"), 1, |path| {
        let mut tensors = folder::tensors(&tiny("qwen2moe"));
        tensors.retain(|(name, ..)| name != missing);
        fs::write(path.join("model.safetensors"), folder::safetensors(&tensors)).unwrap();
    });
    says(&error, ErrorKind::ModelInvalid, &[missing, "missing"]);
}

#[test]
fn f12_files_that_are_missing_or_lie_elsewhere_are_refused_by_name() {
    let remove =
        |name: &'static str| refused(&tiny("qwen3"), 2, |path| fs::remove_file(path.join(name)).unwrap());
    let second = "model-00002-of-00002.safetensors";
    says(&remove(second), ErrorKind::Io, &[second, "index.json names it"]);
    says(&remove("model.safetensors.index.json"), ErrorKind::Io, &["model.safetensors", "index.json"]);
    let index = |text: String| {
        refused(&tiny("qwen3"), 2, |path| fs::write(path.join("model.safetensors.index.json"), text).unwrap())
    };
    for name in [
        "../x.safetensors",
        "/etc/passwd",
        "sub/x.safetensors",
        "..",
        "",
        "x.bin",
        "a\\b.safetensors",
        "c:x.safetensors",
        "x\0.safetensors",
    ] {
        let error = index(json!({"weight_map": {"model.norm.weight": name}}).to_string());
        says(&error, ErrorKind::ModelInvalid, &["index.json", "in the folder itself"]);
    }
    says(&index("{}".into()), ErrorKind::ModelInvalid, &["index.json", "weight_map"]);
    says(&index("{\"weight_map\": {}}".into()), ErrorKind::ModelInvalid, &["names 0 files"]);
    let map = json!({"weight_map": {"model.other": second}}).to_string();
    says(&index(map), ErrorKind::ModelInvalid, &[second, "\"model.other\" is missing"]);
}

#[test]
fn f12_weights_that_are_damaged_are_refused_by_file_and_tensor() {
    use ErrorKind::{ModelInvalid, Unsupported};
    let file = "model.safetensors";
    let raw = |bytes: Vec<u8>| refused(&tiny("llama"), 1, |path| fs::write(path.join(file), bytes).unwrap());
    let whole = folder::safetensors(&folder::tensors(&tiny("llama")));
    says(&raw(whole[..whole.len() - 1].to_vec()), ModelInvalid, &[file, "beyond the end", "download"]);
    says(&raw(whole[..20].to_vec()), ModelInvalid, &[file, "header has"]);
    says(&raw(vec![1; 7]), ModelInvalid, &[file, "7 bytes"]);
    says(&raw([vec![0xff; 8], whole.clone()].concat()), ModelInvalid, &[file, "100000000"]);
    says(&raw([(200_000_000u64).to_le_bytes().to_vec(), whole].concat()), ModelInvalid, &["100000000"]);
    let header = |text: &str| raw(folder::with_header(text, &[]));
    for text in ["", "[]", "null", "{", "{\"a\": 1}", "{\"a\": {}}"] {
        says(&header(text), ModelInvalid, &[file, "no safetensors'"]);
    }
    let changed = |change: &dyn Fn(&mut Vec<folder::Tensor>)| {
        let mut tensors = folder::tensors(&tiny("llama"));
        change(&mut tensors);
        raw(folder::safetensors(&tensors))
    };
    let place =
        |tensors: &[folder::Tensor], name: &str| tensors.iter().position(|tensor| tensor.0 == name).unwrap();
    let norm = "model.layers.1.input_layernorm.weight";
    for dtype in ["F8_E4M3", "I8", "F64", "BOOL", "U8", "dummy"] {
        let error = changed(&|tensors| {
            let at = place(tensors, norm);
            let len = tensors[at].3.len() as u64;
            let elements = match dtype {
                "F64" => len / 8,
                _ => len,
            };
            (tensors[at].1, tensors[at].2) = (Box::leak(dtype.to_owned().into_boxed_str()), vec![elements]);
        });
        says(&error, Unsupported, &[file, norm, dtype, "GGUF"]);
    }
    let error = changed(&|tensors| drop(tensors.remove(place(tensors, norm))));
    says(&error, ModelInvalid, &[norm, "missing"]);
    let error = changed(&|tensors| {
        tensors.push(("model.layers.0.mlp.spare.weight".into(), "F32", vec![1], vec![0; 4]))
    });
    says(&error, Unsupported, &[file, "mlp.spare", "llama"]);
    let error = changed(&|tensors| tensors[0].2 = vec![3]);
    says(&error, ModelInvalid, &[file, "model.embed_tokens.weight", "[3]"]);
    let error = changed(&|tensors| tensors[0].2 = vec![u64::MAX, u64::MAX]);
    says(&error, ModelInvalid, &[file, "model.embed_tokens.weight"]);
    let error = changed(&|tensors| tensors[0].2 = vec![1; 9]);
    says(&error, ModelInvalid, &[file, "model.embed_tokens.weight", "8"]);
    let error = changed(&|tensors| drop(tensors.remove(place(tensors, "lm_head.weight"))));
    says(&error, ModelInvalid, &["lm_head.weight", "tie_word_embeddings"]);
    let twice = r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let data = [("".into(), "F32", vec![], vec![0; 8])];
    says(&raw(folder::with_header(twice, &data)), ModelInvalid, &["\"a\" is there twice"]);
    let inside = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    says(&raw(folder::with_header(inside, &data)), ModelInvalid, &["\"b\"", "offset 4 lies inside"]);
    let back = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#;
    says(&raw(folder::with_header(back, &data)), ModelInvalid, &["\"a\"", "ends before it begins"]);
}

#[test]
fn f12_a_tensor_in_two_files_is_refused() {
    let error = refused(&tiny("qwen3"), 2, |path| {
        let tensors = folder::tensors(&tiny("qwen3"));
        let (first, second) = tensors.split_at(tensors.len().div_ceil(2));
        let mut second = second.to_vec();
        second.push(first[0].clone());
        fs::write(path.join("model-00002-of-00002.safetensors"), folder::safetensors(&second)).unwrap();
    });
    says(&error, ErrorKind::ModelInvalid, &["token_embd.weight", "twice"]);
}
