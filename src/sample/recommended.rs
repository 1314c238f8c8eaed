//! How a model's file would have its tokens chosen (`general.sampling.…`). Knows no request.

use super::options::SamplerOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Metadata;

/// What a file recommends; `None`: it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Recommended {
    /// `general.sampling.temp`.
    pub temperature: Option<f32>,
    /// `general.sampling.top_k`; files say 0 or less for "all".
    pub top_k: Option<i32>,
    /// `general.sampling.top_p`.
    pub top_p: Option<f32>,
    /// `general.sampling.min_p`.
    pub min_p: Option<f32>,
    /// `general.sampling.penalty_repeat`.
    pub repeat_penalty: Option<f32>,
    /// `general.sampling.penalty_last_n`.
    pub penalty_last_n: Option<i32>,
}

impl Recommended {
    /// What `metadata` says. Ranges are not looked at.
    ///
    /// # Errors
    /// `ModelInvalid` for a value of the wrong type.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self> {
        let float = |name: &str| metadata.find::<f32>(&format!("general.sampling.{name}"));
        let integer = |name: &str| -> Result<Option<i32>> {
            let found = metadata.find::<i64>(&format!("general.sampling.{name}"))?;
            Ok(found.map(|number| number.clamp(i32::MIN.into(), i32::MAX.into()) as i32))
        };
        Ok(Self {
            temperature: float("temp")?,
            top_k: integer("top_k")?.map(|k| k.max(0)),
            top_p: float("top_p")?,
            min_p: float("min_p")?,
            repeat_penalty: float("penalty_repeat")?,
            penalty_last_n: integer("penalty_last_n")?,
        })
    }

    /// Name and value of each that the file says, as JSON has numbers: 0.6 as it is, not as the nearest
    /// number of 64 bits to it.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        let float = |value: Option<f32>| value.map(|value| format!("{value:?}"));
        let integer = |value: Option<i32>| value.map(|value| value.to_string());
        let all = [
            ("temperature", float(self.temperature)),
            ("top_k", integer(self.top_k)),
            ("top_p", float(self.top_p)),
            ("min_p", float(self.min_p)),
            ("repeat_penalty", float(self.repeat_penalty)),
            ("penalty_last_n", integer(self.penalty_last_n)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// `ModelInvalid`, naming the field and the value.
    pub fn validate(&self) -> Result<()> {
        let options = SamplerOptions {
            temperature: self.temperature.unwrap_or(0.0),
            top_k: self.top_k.unwrap_or(0),
            top_p: self.top_p.unwrap_or(0.0),
            min_p: self.min_p.unwrap_or(0.0),
            repeat_penalty: self.repeat_penalty.unwrap_or(0.0),
            penalty_last_n: self.penalty_last_n.unwrap_or(0),
            ..SamplerOptions::default()
        };
        let wrong = |error: Error| {
            Error::new(ErrorKind::ModelInvalid, format!("general.sampling: {}", error.message()))
        };
        options.validate().map_err(wrong)
    }
}

impl SamplerOptions {
    /// The same, where fields that are 0 are as `recommended`. A negative temperature is greedy, any other
    /// negative field off, but for `penalty_last_n`.
    pub fn filled(mut self, recommended: &Recommended) -> Self {
        fn fill<T: Copy + Default + PartialOrd>(field: &mut T, recommended: Option<T>) {
            if *field == T::default() {
                *field = recommended.unwrap_or_default();
            } else if *field < T::default() {
                *field = T::default();
            }
        }
        fill(&mut self.temperature, recommended.temperature);
        fill(&mut self.top_k, recommended.top_k);
        fill(&mut self.top_p, recommended.top_p);
        fill(&mut self.min_p, recommended.min_p);
        fill(&mut self.typical_p, None);
        fill(&mut self.repeat_penalty, recommended.repeat_penalty);
        fill(&mut self.presence_penalty, None);
        fill(&mut self.frequency_penalty, None);
        for field in [
            &mut self.dry_multiplier,
            &mut self.dry_base,
            &mut self.xtc_probability,
            &mut self.xtc_threshold,
            &mut self.top_n_sigma,
            &mut self.mirostat_tau,
            &mut self.mirostat_eta,
            &mut self.dynatemp_range,
            &mut self.dynatemp_exponent,
        ] {
            fill(field, None);
        }
        fill(&mut self.dry_allowed_length, None);
        if self.penalty_last_n == 0 {
            self.penalty_last_n = recommended.penalty_last_n.unwrap_or(0);
        }
        self
    }

    /// The same without these tokens, ascending, but for those that a bias is given for.
    pub(crate) fn without(mut self, tokens: &[u32]) -> Self {
        let mut given: Vec<u32> = self.logit_bias.iter().map(|(token, _)| *token).collect();
        given.sort_unstable();
        let forbidden = tokens.iter().filter(|token| given.binary_search(token).is_err());
        self.logit_bias.extend(forbidden.map(|token| (*token, f32::NEG_INFINITY)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::write::{MetaValue, Writer};
    use crate::gguf::{Gguf, Limits, Source};

    fn read(writer: &Writer) -> Result<Recommended> {
        let source = Source::Memory(Box::new(writer.to_bytes()));
        Recommended::from_gguf(Gguf::open_header(source, &Limits::default())?.metadata())
    }

    #[test]
    fn fields_that_are_0_are_as_the_file_says_and_negative_ones_off() {
        let file = Writer::new()
            .meta("general.sampling.temp", 0.6f32)
            .meta("general.sampling.top_k", MetaValue::I32(-1))
            .meta("general.sampling.top_p", 0.9f32)
            .meta("general.sampling.penalty_repeat", 1.1f32)
            .meta("general.sampling.penalty_last_n", MetaValue::I32(32));
        let file = read(&file).unwrap();
        file.validate().unwrap();
        let silent = SamplerOptions::default().filled(&file);
        assert_eq!((silent.temperature, silent.top_k, silent.top_p, silent.min_p), (0.6, 0, 0.9, 0.0));
        assert_eq!((silent.repeat_penalty, silent.penalty_last_n), (1.1, 32));
        let said = SamplerOptions {
            temperature: -1.0,
            top_p: -1.0,
            top_k: 5,
            presence_penalty: -0.5,
            penalty_last_n: -1,
            dry_multiplier: -1.0,
            dry_allowed_length: -1,
            dry_last_n: -1,
            ..SamplerOptions::default()
        };
        let said = said.filled(&file);
        assert_eq!((said.temperature, said.top_p, said.top_k, said.penalty_last_n), (0.0, 0.0, 5, -1));
        assert_eq!((said.presence_penalty, said.dry_multiplier, said.dry_allowed_length), (0.0, 0.0, 0));
        assert_eq!(said.dry_last_n, -1);
        said.validate().unwrap();
        assert!(SamplerOptions { temperature: f32::NAN, ..said }.filled(&file).validate().is_err());
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let file = read(&Writer::new().meta("general.sampling.top_p", 7.0f32)).unwrap();
        let error = file.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelInvalid);
        assert!(error.message().starts_with("general.sampling: top_p is 7"), "{error}");
        let error = read(&Writer::new().meta("general.sampling.temp", "hot")).unwrap_err();
        assert!(error.message().contains("general.sampling.temp"), "{error}");
    }

    #[test]
    fn forbidden_tokens_are_forbidden_unless_a_bias_is_given_for_them() {
        let options = SamplerOptions { logit_bias: vec![(7, 1.0), (3, 2.0)], ..SamplerOptions::default() };
        let bias = options.without(&[1, 3, 9]).logit_bias;
        assert_eq!(bias, [(7, 1.0), (3, 2.0), (1, f32::NEG_INFINITY), (9, f32::NEG_INFINITY)]);
    }
}
