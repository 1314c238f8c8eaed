# The answer's beginning is not the grammar's.
replace src/chat/text_job.rs 'bound.begin(&prefix, ' 'bound.begin(&prefix[..0], '
