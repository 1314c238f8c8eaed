# A pass that fails with drafts ends its generations, and the tokens before the fault are lost.
replace src/engine/pass.rs 'return Slice::Over(Vec::new());' 'return Slice::Over(pass.failed(&error));'
