//! Mutations of metadata values: numbers, texts and arrays that a loader may stumble over. Knows words that
//! loaders look for; not what they mean.

use super::Random;
use wick::gguf::ValueType;
use wick::gguf::write::MetaValue;

/// Texts that stand for something somewhere.
const WORDS: [&str; 61] = [
    "",
    " ",
    "llama",
    "qwen2",
    "qwen3",
    "qwen2moe",
    "qwen3moe",
    "qwen35",
    "qwen35moe",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma4",
    "phi3",
    "olmo2",
    "granite",
    "smollm3",
    "exaone",
    "lfm2",
    "lfm2moe",
    "gemma-embedding",
    "gpt-oss",
    "mistral3",
    "hunyuan-dense",
    "exaone4",
    "ernie4_5",
    "minicpm",
    "granitemoe",
    "olmoe",
    "glm4",
    "granitehybrid",
    "granite_swa",
    "nanbeige",
    "gpt2",
    "bert",
    "adapter",
    "lora",
    "alora",
    "default",
    "gpt-2",
    "llama-bpe",
    "smollm",
    "deepseek-llm",
    "phi-3",
    "none",
    "linear",
    "yarn",
    "longrope",
    "llama3",
    "<s>",
    "<|im_end|>",
    "<unk>",
    "<0x41>",
    "<0xZZ>",
    "<0x",
    "▁",
    "▁▁▁▁",
    "Ġ",
    "Ċ",
    "a b",
    "\u{10FFFF}\u{301}",
];

/// A number: awkward anywhere, near the old one, or of a size that models have.
pub fn number(random: &mut Random, old: u64) -> u64 {
    match random.below(8) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => old.wrapping_mul(2),
        3 => old / 2,
        4 | 5 => random.pick(&[0, 1, 2, 3, 4, 5, 8, 16, 32, 64, 96, 128, 256, 512]),
        6 => random.pick(&[i32::MAX as u64, 1 << 31, u32::MAX as u64, 1 << 32, 1 << 62, 1 << 63, u64::MAX]),
        _ => random.next() >> random.below(64),
    }
}

/// A number with a fraction.
pub fn float(random: &mut Random, old: f64) -> f64 {
    match random.below(6) {
        0 => random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]),
        1 => random.pick(&[1.0, -1.0, 1e-30, 1e-45, 1e30, 3.4e38, 1e300, 0.5]),
        2 => -old,
        3 => old * 1e6,
        4 => old / 1e6,
        _ => f64::from(f32::from_bits(random.next() as u32)),
    }
}

/// A text out of what stands in the file and what stands for something.
pub fn text(random: &mut Random, pool: &[String], old: &str) -> String {
    let mut other = || match pool.get(random.below(2 * pool.len())) {
        Some(text) => text.clone(),
        None => random.pick(&WORDS).to_owned(),
    };
    let (one, two) = (other(), other());
    let text = match random.below(8) {
        0 => one + &two,
        1 => format!("{one} {two}"),
        2 => old.chars().skip(1).collect(),
        3 => old.to_owned() + &one,
        4 => old.repeat(random.below(20)),
        5 => old.chars().rev().collect(),
        _ => one,
    };
    if text.len() > 1000 { String::new() } else { text }
}

/// Changes `value`, sometimes its type.
pub fn change(random: &mut Random, pool: &[String], value: &mut MetaValue) {
    if random.below(12) == 0 {
        *value = any(random, pool);
        return;
    }
    match value {
        MetaValue::U8(v) => *v = number(random, u64::from(*v)) as u8,
        MetaValue::I8(v) => *v = number(random, *v as u64) as i8,
        MetaValue::U16(v) => *v = number(random, u64::from(*v)) as u16,
        MetaValue::I16(v) => *v = number(random, *v as u64) as i16,
        MetaValue::U32(v) => *v = number(random, u64::from(*v)) as u32,
        MetaValue::I32(v) => *v = number(random, *v as u64) as i32,
        MetaValue::U64(v) => *v = number(random, *v),
        MetaValue::I64(v) => *v = number(random, *v as u64) as i64,
        MetaValue::F32(v) => *v = float(random, f64::from(*v)) as f32,
        MetaValue::F64(v) => *v = float(random, *v),
        MetaValue::Bool(v) => *v = !*v,
        MetaValue::Str(v) => *v = text(random, pool, v),
        MetaValue::Array(_, items) => change_array(random, pool, items),
    }
}

fn change_array(random: &mut Random, pool: &[String], items: &mut Vec<MetaValue>) {
    if items.is_empty() {
        return;
    }
    let (at, to) = (random.below(items.len()), random.below(items.len()));
    match random.below(8) {
        0 => drop(items.remove(at)),
        1 => items.insert(to, items[at].clone()),
        2 => items.swap(at, to),
        3 => items.truncate(at),
        4 => items[to] = items[at].clone(),
        _ => {
            // The type of an array's elements is said once, so theirs stays.
            let kind = items[at].kind();
            let mut item = items[at].clone();
            change(random, pool, &mut item);
            if item.kind() == kind {
                items[at] = item;
            }
        }
    }
}

/// A value of any type.
pub fn any(random: &mut Random, pool: &[String]) -> MetaValue {
    match random.below(9) {
        0 | 1 => MetaValue::U32(number(random, 16) as u32),
        2 => MetaValue::I32(number(random, 16) as i32),
        3 => MetaValue::U64(number(random, 16)),
        4 => MetaValue::F32(float(random, 1.0) as f32),
        5 => MetaValue::Bool(random.below(2) == 0),
        6 => MetaValue::Str(text(random, pool, "")),
        7 => {
            let count = random.below(5);
            MetaValue::Array(
                ValueType::I32,
                (0..count).map(|_| MetaValue::I32(number(random, 1) as i32)).collect(),
            )
        }
        _ => (0..random.below(5)).map(|_| text(random, pool, "")).collect(),
    }
}
