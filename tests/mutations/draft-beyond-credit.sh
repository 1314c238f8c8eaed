# Tokens of one pass come whether or not somebody reads them.
replace src/engine/commit.rs 'generation.producer.has_credit(request.buffer_events)' 'true'
