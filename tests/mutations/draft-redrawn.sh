# Where the draft is wrong the sampler draws once more: drafts come up more often than they should.
replace src/engine/commit.rs 'match run.chooser.choose(logits) {' 'match run.chooser.choose(logits).and_then(|first| match self.draft.get(right) {
            Some(draft) if *draft != first.token => run.chooser.choose(logits),
            _ => Ok(first),
        }) {'
