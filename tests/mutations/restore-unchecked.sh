# Keys and values are believed without their checksum.
replace src/runtime/store/past.rs 'records.check(sum, offset - Records::CHECKSUM as u64)?;' 'let _ = records.check(sum, offset - Records::CHECKSUM as u64);'
