# A snapshot is not held by the sequence that it is the newest of.
replace src/kv/growth.rs '            ids.push(current);
            all.retain(group, Some(current));' '            ids.push(current);'
