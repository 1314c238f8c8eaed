# What the grammar has completed goes on.
replace src/engine/generation.rs 'Ok(true) => return end(EndReason::Stop),' 'Ok(true) => {}'
