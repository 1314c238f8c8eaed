# Keys and values of one type are taken for those of another.
replace src/kernel/kv.rs 'Self::Q8_0 => "q8_0/32/1"' 'Self::Q8_0 => "f16/32/1"'
