# A prefix that is known whole leaves no token whose logits could be had.
replace src/engine/admit.rs 'let most = if fills_only { total } else { total - 1 };' 'let most = total;'
