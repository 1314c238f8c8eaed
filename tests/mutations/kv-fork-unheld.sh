# A fork uses blocks without holding them.
replace src/kv/moves.rs 'to.iter().for_each(|id| all.retain(group, Some(*id)));' ''
