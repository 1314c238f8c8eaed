//! Adapters of low rank with random values for small models: as files, and merged into the weights of F32.

use super::{Tiny, random_tensor};
use std::sync::Arc;
use wick::gguf::write::Writer;
use wick::gguf::{Gguf, TensorType};

/// What to write.
#[derive(Clone)]
pub struct TinyAdapter {
    pub architecture: &'static str,
    pub rank: u64,
    pub alpha: f32,
    /// The type of both halves where their rows are whole blocks of it; others are F32.
    pub kind: TensorType,
    /// The model's matrices that it changes, with their shapes.
    pub matrices: Vec<(String, Vec<u64>)>,
    pub seed: u64,
}

impl TinyAdapter {
    /// One for all matrices of the model that adapters may change.
    pub fn of(tiny: &Tiny, rank: u64, seed: u64) -> Self {
        let changes = |name: &str, shape: &[u64]| {
            let is_matrix = shape.len() > 1 || name.ends_with("ffn_gate_inp_shexp.weight");
            let others = ["token_embd.weight", "conv.weight", "conv1d.weight", "ssm_norm.weight"];
            let looked_up = others.iter().any(|end| name.ends_with(end));
            is_matrix && !looked_up && name.ends_with(".weight")
        };
        let tensors = tiny.tensors().into_iter().filter(|(name, shape, _)| changes(name, shape));
        let matrices = tensors.map(|(name, shape, _)| (name, shape)).collect();
        let architecture = tiny.architecture;
        Self { architecture, rank, alpha: 2.0 * rank as f32, kind: TensorType::F32, matrices, seed }
    }

    /// The same of another type.
    pub fn of_type(self, kind: TensorType) -> Self {
        Self { kind, ..self }
    }

    /// Those of its matrices whose name ends so.
    pub fn only(mut self, end: &str) -> Self {
        self.matrices.retain(|(name, _)| name.ends_with(end));
        self
    }

    /// Name, shape, type and values of both halves of each matrix.
    pub fn tensors(&self) -> Vec<(String, Vec<u64>, TensorType, Vec<u8>)> {
        let mut tensors = Vec::new();
        for (name, shape) in &self.matrices {
            let (cols, rows) = (shape[0], shape.get(1).copied().unwrap_or(1));
            for (end, first, second) in [("lora_a", cols, self.rank), ("lora_b", self.rank, rows)] {
                let mut own = vec![first, second];
                own.extend(shape.get(2));
                let kind = match first.is_multiple_of(self.kind.block_len()) {
                    true => self.kind,
                    false => TensorType::F32,
                };
                let name = format!("{name}.{end}");
                let data = random_tensor(self.seed, &name, &own, kind);
                tensors.push((name, own, kind, data));
            }
        }
        tensors
    }

    /// The file's keys.
    pub fn writer_of_keys(&self) -> Writer<'static> {
        Writer::new()
            .meta("general.type", "adapter")
            .meta("general.architecture", self.architecture)
            .meta("general.name", format!("tiny adapter {}", self.seed).as_str())
            .meta("adapter.type", "lora")
            .meta("adapter.lora.alpha", self.alpha)
    }

    /// The file.
    pub fn writer(&self) -> Writer<'static> {
        let put = |writer: Writer<'static>, (name, shape, kind, data): (String, Vec<u64>, _, Vec<u8>)| {
            writer.tensor(&name, kind, &shape, data)
        };
        self.tensors().into_iter().fold(self.writer_of_keys(), put)
    }

    /// The opened file.
    pub fn open(&self) -> Arc<Gguf> {
        super::open(self.writer().to_bytes())
    }

    /// `tiny`, of F32, with scale · alpha / rank · B · A added to its weights, of an adapter whose values
    /// `read` gives.
    pub fn merged(&self, tiny: &Tiny, scale: f32, read: &dyn Fn(TensorType, &[u8]) -> Vec<f32>) -> Arc<Gguf> {
        assert_eq!(tiny.matrices, TensorType::F32);
        let factor = scale * self.alpha / self.rank as f32;
        let halves = self.tensors();
        let half = |name: &str, end: &str| {
            let name = format!("{name}.{end}");
            halves.iter().find(|(other, ..)| *other == name).map(|(_, _, kind, data)| read(*kind, data))
        };
        let mut writer = tiny.writer_of_keys();
        for (name, shape, kind) in tiny.tensors() {
            if tiny.without.contains(&name) {
                continue;
            }
            let mut data = tiny.data(&name, &shape, kind);
            if let (Some(down), Some(up)) = (half(&name, "lora_a"), half(&name, "lora_b")) {
                let mut weights = floats(&data);
                let (cols, rank) = (shape[0] as usize, self.rank as usize);
                let rows = shape.get(1).copied().unwrap_or(1) as usize;
                for (at, weight) in weights.iter_mut().enumerate() {
                    let (matrix, row, col) = (at / cols / rows, at / cols % rows, at % cols);
                    let product = |k: usize| {
                        let down = down[(matrix * rank + k) * cols + col];
                        f64::from(up[(matrix * rows + row) * rank + k]) * f64::from(down)
                    };
                    *weight += (f64::from(factor) * (0..rank).map(product).sum::<f64>()) as f32;
                }
                data = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
            }
            writer = writer.tensor(&name, kind, &shape, data);
        }
        super::open(writer.to_bytes())
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
