# Where the draft is wrong the sampler draws once more: drafts come up more often than they should.
replace src/engine/commit.rs 'match run.draw(logits, vocab, last, generation.producer.wants_answer()) {' 'match run.draw(logits, vocab, last, false).and_then(|first| match self.draft.get(right) {
            Some(draft) if *draft != first.token => run.draw(logits, vocab, last, false),
            _ => Ok(first),
        }) {'
