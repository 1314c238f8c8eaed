//! A GGUF as a description: keys, values and tensors that can be changed one by one and written as a file
//! again.

use super::{MAX_LEN, Random, bytes, values};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType};

/// Keys that loaders look for, behind the architecture's name.
const KEYS: [&str; 58] = [
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.key_length_swa",
    "attention.layer_norm_rms_epsilon",
    "attention.recurrent_layers",
    "attention.rope_pattern",
    "attention.scale",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attn_logit_softcapping",
    "block_count",
    "context_length",
    "dense_2_feat_in",
    "dense_2_feat_out",
    "dense_3_feat_in",
    "dense_3_feat_out",
    "embedding_length",
    "embedding_scale",
    "expert_count",
    "expert_feed_forward_length",
    "expert_gating_func",
    "expert_shared_feed_forward_length",
    "expert_used_count",
    "expert_weights_norm",
    "expert_weights_scale",
    "feed_forward_length",
    "final_logit_softcapping",
    "full_attention_interval",
    "leading_dense_block_count",
    "logit_scale",
    "nextn_predict_layers",
    "num_loops",
    "pooling_type",
    "residual_scale",
    "rope.dimension_count",
    "rope.dimension_sections",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_log_multiplier",
    "shortconv.l_cache",
    "skip_loop_final_norm",
    "ssm.conv_kernel",
    "ssm.group_count",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
    "vocab_size",
];

/// Keys that loaders look for as they are.
const PLAIN_KEYS: [&str; 22] = [
    "adapter.alora.invocation_tokens",
    "adapter.lora.alpha",
    "adapter.type",
    "general.alignment",
    "general.architecture",
    "general.name",
    "general.type",
    "split.count",
    "tokenizer.ggml.add_bos_token",
    "tokenizer.ggml.add_eos_token",
    "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eos_token_ids",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.unknown_token_id",
];

/// Tensors that loaders look for.
const TENSORS: [&str; 10] = [
    "output.weight",
    "output.bias",
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
    "blk.0.attn_q.bias",
    "blk.0.attn_output.bias",
    "blk.0.attn_q.weight.lora_a",
    "blk.0.attn_q.weight.lora_b",
    "blk.1.attn_norm.weight",
];

/// What a file says.
pub struct Description {
    version: u32,
    keys: Vec<(String, MetaValue)>,
    tensors: Vec<Tensor>,
}

#[derive(Clone)]
struct Tensor {
    name: String,
    type_id: u32,
    shape: Vec<u64>,
    /// Where it claims to lie; `None`: where it does.
    offset: Option<u64>,
    data: Vec<u8>,
}

impl Tensor {
    /// Gives it as many bytes as its type and shape ask for, repeating those it has, unless that is
    /// impossible or too many.
    fn refit(&mut self) {
        let len = TensorType::from_id(self.type_id).and_then(|kind| kind.byte_len(&self.shape).ok());
        let Some(len) = len.filter(|&len| len <= MAX_LEN as u64 && !self.data.is_empty()) else { return };
        self.data = self.data.iter().copied().cycle().take(len as usize).collect();
    }
}

impl Description {
    /// What `file` says, if it can be opened.
    pub fn of(file: &[u8]) -> Option<Self> {
        let source = Source::Memory(Box::new(file.to_vec()));
        let gguf = Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())).ok()?;
        let keys = gguf.metadata().iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        let tensors = gguf.tensors().iter().map(|tensor| Tensor {
            name: tensor.name().to_owned(),
            type_id: tensor.kind().id(),
            shape: tensor.shape().to_vec(),
            offset: None,
            data: gguf.bytes(tensor).to_vec(),
        });
        Some(Self { version: gguf.version(), keys, tensors: tensors.collect() })
    }

    /// The file; without tensors' data where that would be longer than [`MAX_LEN`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new().version(self.version);
        for (key, value) in &self.keys {
            // The writer pads with the alignment that it is told of; what no file of this size can have is
            // only written down.
            writer = match value {
                MetaValue::U32(alignment) if key == "general.alignment" && *alignment <= 4096 => {
                    writer.alignment(*alignment)
                }
                value => writer.meta(key, value.clone()),
            };
        }
        let mut room = MAX_LEN;
        for tensor in &self.tensors {
            let data = if tensor.data.len() <= room { tensor.data.as_slice() } else { &[] };
            room -= data.len();
            let (name, id, shape) = (&tensor.name, tensor.type_id, &tensor.shape);
            writer = match (tensor.offset, TensorType::from_id(id)) {
                (None, Some(kind)) => writer.tensor(name, kind, shape, data),
                (offset, _) => writer.tensor_at(name, id, shape, offset.unwrap_or(0), data),
            };
        }
        writer.to_bytes()
    }

    /// One change.
    pub fn edit(&mut self, random: &mut Random) {
        match random.below(12) {
            0..=3 => self.edit_value(random),
            4 => self.add_key(random),
            5 => self.edit_keys(random),
            6 | 7 => self.renumber(random),
            8 => self.edit_type(random),
            9 => self.edit_shape(random),
            10 => self.edit_tensors(random),
            _ => self.edit_data(random),
        }
    }

    /// All texts of the metadata.
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for (_, value) in &self.keys {
            match value {
                MetaValue::Str(text) => texts.push(text.clone()),
                MetaValue::Array(_, items) => texts.extend(items.iter().filter_map(|item| match item {
                    MetaValue::Str(text) => Some(text.clone()),
                    _ => None,
                })),
                _ => {}
            }
        }
        texts
    }

    fn edit_value(&mut self, random: &mut Random) {
        let (pool, at) = (self.texts(), random.below(self.keys.len()));
        if let Some((_, value)) = self.keys.get_mut(at) {
            values::change(random, &pool, value);
        }
    }

    fn architecture(&self) -> &str {
        let named = self.keys.iter().find(|(key, _)| key == "general.architecture");
        match named {
            Some((_, MetaValue::Str(name))) => name,
            _ => "llama",
        }
    }

    fn add_key(&mut self, random: &mut Random) {
        let key = match random.below(3) {
            0 => random.pick(&PLAIN_KEYS).to_owned(),
            _ => format!("{}.{}", self.architecture(), random.pick(&KEYS)),
        };
        let value = values::any(random, &self.texts());
        self.keys.retain(|(other, _)| *other != key);
        self.keys.push((key, value));
    }

    fn edit_keys(&mut self, random: &mut Random) {
        if self.keys.is_empty() {
            return;
        }
        let (at, to) = (random.below(self.keys.len()), random.below(self.keys.len()));
        match random.below(5) {
            0 | 1 => drop(self.keys.remove(at)),
            2 => self.keys.push(self.keys[at].clone()),
            3 => self.keys[at].1 = self.keys[to].1.clone(),
            _ => self.version = random.pick(&[2, 3, 3, 3, 4]),
        }
    }

    /// Another number wherever the same one stands, in keys and shapes: the file stays whole, and is of
    /// another size.
    fn renumber(&mut self, random: &mut Random) {
        let dims: Vec<u64> = self.tensors.iter().flat_map(|tensor| tensor.shape.iter().copied()).collect();
        let Some(&old) = dims.get(random.below(dims.len())) else { return };
        let new = match random.below(4) {
            0 => old.saturating_add(1 + random.below(8) as u64),
            1 => (old / 2).max(1),
            _ => random.pick(&[1, 2, 3, 4, 6, 8, 10, 16, 24, 32, 64, 96, 256]),
        };
        for (_, value) in &mut self.keys {
            match value {
                MetaValue::U32(v) if u64::from(*v) == old => *v = new as u32,
                MetaValue::Array(kind, items) if items.len() as u64 == old => {
                    let filler = items.last().cloned();
                    *value = MetaValue::Array(
                        *kind,
                        items
                            .iter()
                            .cloned()
                            .chain(filler.into_iter().cycle().take(256))
                            .take(new as usize)
                            .collect(),
                    );
                }
                _ => {}
            }
        }
        for tensor in &mut self.tensors {
            for dim in &mut tensor.shape {
                if *dim == old {
                    *dim = new;
                }
            }
            tensor.refit();
        }
    }

    fn edit_type(&mut self, random: &mut Random) {
        let (at, all) = (random.below(self.tensors.len()), random.below(2) == 0);
        let id = match random.below(16) {
            0 => random.next() as u32 % 64,
            _ => random.pick(&TensorType::ALL).id(),
        };
        for (index, tensor) in self.tensors.iter_mut().enumerate() {
            if index == at || (all && tensor.shape.len() > 1) {
                tensor.type_id = id;
                tensor.refit();
            }
        }
    }

    fn edit_shape(&mut self, random: &mut Random) {
        let at = random.below(self.tensors.len());
        let Some(tensor) = self.tensors.get_mut(at) else { return };
        let dim = random.below(tensor.shape.len());
        match random.below(5) {
            0 => tensor.shape.reverse(),
            1 => tensor.shape.push(1),
            2 => drop(tensor.shape.pop()),
            3 => tensor.offset = Some(bytes::awkward(random, tensor.data.len())),
            _ => {
                if let Some(dim) = tensor.shape.get_mut(dim) {
                    *dim = values::number(random, *dim);
                }
            }
        }
        if random.below(4) > 0 {
            tensor.refit();
        }
    }

    fn edit_tensors(&mut self, random: &mut Random) {
        if self.tensors.is_empty() {
            return;
        }
        let (at, to) = (random.below(self.tensors.len()), random.below(self.tensors.len()));
        match random.below(5) {
            0 => drop(self.tensors.remove(at)),
            1 => {
                let mut twin = self.tensors[at].clone();
                twin.name = random.pick(&TENSORS).to_owned();
                self.tensors.push(twin);
            }
            2 => self.tensors.swap(at, to),
            3 => self.tensors[at].name = self.tensors[to].name.clone(),
            _ => {
                let name = self.tensors[at].name.clone();
                self.tensors[at].name = std::mem::replace(&mut self.tensors[to].name, name);
            }
        }
    }

    /// Weights that are no numbers, or too great.
    fn edit_data(&mut self, random: &mut Random) {
        let at = random.below(self.tensors.len());
        let Some(tensor) = self.tensors.get_mut(at) else { return };
        for _ in 0..random.pick(&[1, 1, 4, 64]) {
            let word = match random.below(4) {
                0 => random.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45]).to_bits(),
                1 => u32::from(random.pick(&[0x7c00u16, 0xfc00, 0x7e00, 0x7bff, 1])),
                2 => 0,
                _ => random.next() as u32,
            };
            let place = random.below(tensor.data.len()) & !3;
            for (to, from) in tensor.data.iter_mut().skip(place).zip(word.to_le_bytes()) {
                *to = from;
            }
        }
    }
}
