//! How tokens are chosen: what the request says, else what the model's file recommends, else as `wick run`
//! draws.

use super::random;
use crate::failure::Failure;
use crate::fields::{Fields, wrong};
use serde_json::Value;
use wick::{Recommended, Request, SamplerOptions};

type Result<T> = std::result::Result<T, Failure>;

/// Where neither the request nor the file say anything.
const TEMPERATURE: f32 = 0.8;
const MIN_P: f32 = 0.05;

/// The largest seed that is drawn: numbers up to it stay what they are in JavaScript.
const MAX_SEED: u64 = (1 << 53) - 1;

/// OpenAI's fields and those that other servers of open models have beside them, under their usual names.
///
/// # Errors
/// 400 that names the field.
pub fn sampling(fields: &mut Fields, file: &Recommended) -> Result<SamplerOptions> {
    let is_limited = file.top_k.is_some() || file.top_p.is_some() || file.min_p.is_some();
    let min_p = if is_limited { 0.0 } else { MIN_P };
    let repeat = fields.number("repeat_penalty")?.or(fields.number("repetition_penalty")?);
    let top_k = whole(fields, "top_k")?.map(|k| k.max(0));
    let mut number = |name: &str| Ok::<f32, Failure>(fields.number(name)?.unwrap_or(0.0));
    let mut options = SamplerOptions {
        typical_p: number("typical_p")?,
        presence_penalty: number("presence_penalty")?,
        frequency_penalty: number("frequency_penalty")?,
        dry_multiplier: number("dry_multiplier")?,
        dry_base: number("dry_base")?,
        xtc_probability: number("xtc_probability")?,
        xtc_threshold: number("xtc_threshold")?,
        top_n_sigma: number("top_n_sigma")?,
        mirostat_tau: number("mirostat_tau")?,
        mirostat_eta: number("mirostat_eta")?,
        dynatemp_range: number("dynatemp_range")?,
        dynatemp_exponent: number("dynatemp_exponent")?,
        ..SamplerOptions::default()
    };
    options.temperature = fields.number("temperature")?.or(file.temperature).unwrap_or(TEMPERATURE);
    options.top_p = fields.number("top_p")?.or(file.top_p).unwrap_or(0.0);
    options.min_p = fields.number("min_p")?.or(file.min_p).unwrap_or(min_p);
    options.top_k = top_k.or(file.top_k).unwrap_or(0);
    options.repeat_penalty = repeat.or(file.repeat_penalty).unwrap_or(0.0);
    options.penalty_last_n = whole(fields, "penalty_last_n")?.or(file.penalty_last_n).unwrap_or(0);
    options.dry_allowed_length = whole(fields, "dry_allowed_length")?.unwrap_or(0);
    options.dry_last_n = whole(fields, "dry_last_n")?.unwrap_or(0);
    options.logit_bias = logit_bias(fields)?;
    options.validate().map_err(|error| Failure::bad(error.message()).with_code("invalid_argument"))?;
    Ok(options)
}

/// The request with its seed, or with one that is drawn.
///
/// # Errors
/// 400 for what is no seed.
pub fn seed(fields: &mut Fields, mut request: Request) -> Result<Request> {
    let given = fields.take("seed");
    let seed = match &given {
        None => None,
        Some(value) => {
            let number = value.as_u64().or(value.as_i64().map(i64::cast_unsigned));
            Some(number.ok_or_else(|| wrong("seed", value, "a whole number of 64 bits"))?)
        }
    };
    request.sampling.seed = match seed {
        // To the library 0 is none.
        None | Some(0) => (random() & MAX_SEED).max(1),
        Some(seed) => seed,
    };
    Ok(request)
}

fn whole(fields: &mut Fields, name: &str) -> Result<Option<i32>> {
    let range = i32::MIN.into()..=i32::MAX.into();
    Ok(fields.whole(name, range)?.map(|number| number as i32))
}

/// `{"15": -100}`: ids and what is added to their logits.
fn logit_bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>> {
    let Some(biases) = fields.object("logit_bias")? else { return Ok(Vec::new()) };
    let bias = |(id, bias): (String, Value)| match (id.parse(), bias.as_f64()) {
        (Ok(id), Some(bias)) if bias.abs() <= 100.0 => Ok((id, bias as f32)),
        _ => Err(wrong(&format!("logit_bias.{id}"), &bias, "a token's id, and a number from -100 to 100")),
    };
    biases.into_iter().map(bias).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value, file: &Recommended) -> Result<SamplerOptions> {
        let mut fields = Fields::parse(value.to_string().as_bytes())?;
        let options = sampling(&mut fields, file)?;
        fields.finish().map(|()| options)
    }

    #[test]
    fn the_request_comes_before_the_file_and_the_file_before_the_defaults() {
        let plain = read(json!({}), &Recommended::default()).expect("valid");
        assert_eq!((plain.temperature, plain.min_p), (0.8, 0.05));
        let file = Recommended { temperature: Some(0.6), top_k: Some(20), ..Recommended::default() };
        let by_file = read(json!({}), &file).expect("valid");
        assert_eq!((by_file.temperature, by_file.top_k, by_file.min_p), (0.6, 20, 0.0));
        let by_both = read(json!({"temperature": 0, "top_k": -1}), &file).expect("valid");
        assert_eq!((by_both.temperature, by_both.top_k), (0.0, 0));
    }

    #[test]
    fn every_sampler_has_its_field() {
        let all = json!({
            "temperature": 0.5, "top_p": 0.5, "min_p": 0.5, "top_k": 5, "typical_p": 0.5, "repeat_penalty": 1.5,
            "presence_penalty": 0.5, "frequency_penalty": 0.5, "penalty_last_n": 5, "dry_multiplier": 0.5,
            "dry_base": 1.5, "dry_allowed_length": 5, "dry_last_n": 5, "xtc_probability": 0.5,
            "xtc_threshold": 0.5, "top_n_sigma": 0.5, "mirostat_tau": 0.5, "mirostat_eta": 0.5,
            "dynatemp_range": 0.5, "dynatemp_exponent": 0.5, "logit_bias": {"7": -100},
        });
        let options = read(all, &Recommended::default()).expect("valid");
        assert_eq!(options.logit_bias, [(7, -100.0)]);
        let shown = format!("{options:?}");
        assert_eq!(shown.matches("0.5").count(), 14, "{shown}");
        assert_eq!(shown.matches("1.5").count(), 2, "{shown}");
        assert_eq!(shown.matches(": 5").count(), 4, "{shown}");
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for bad in [
            json!({"temperature": -1}),
            json!({"top_p": 2}),
            json!({"temperature": 1e39}),
            json!({"logit_bias": {"seven": 1}}),
            json!({"logit_bias": {"7": 101}}),
            json!({"top_k": 1.5}),
        ] {
            assert!(read(bad.clone(), &Recommended::default()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seed_is_kept_and_a_drawn_one_survives_javascript() {
        let read = |value: Value| {
            let mut fields = Fields::parse(json!({"seed": value}).to_string().as_bytes()).expect("JSON");
            seed(&mut fields, Request::default()).map(|request| request.sampling.seed)
        };
        assert_eq!(read(json!(7)).expect("a seed"), 7);
        assert_eq!(read(json!(-1)).expect("OpenAI's are signed"), u64::MAX);
        assert!(read(json!("seven")).is_err());
        for _ in 0..100 {
            assert!((1..=MAX_SEED).contains(&read(json!(null)).expect("drawn")));
        }
    }
}
