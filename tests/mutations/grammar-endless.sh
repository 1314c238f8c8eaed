# What the grammar has completed goes on.
replace src/engine/generation.rs 'Ok(true) => return self.chooser.check_called().map_or_else(failed, |()| end(EndReason::Stop)),' 'Ok(true) => {}'
