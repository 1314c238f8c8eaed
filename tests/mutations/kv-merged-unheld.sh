# A block that another sequence has computed is used without being held.
replace src/kv/growth.rs '                known => {
                    all.retain(group, Some(known));' '                known => {'
