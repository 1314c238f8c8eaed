# A pass that found no memory takes back what others have claimed.
replace src/kv/growth.rs '_ if grown > 0 => all.pools[group].claim(*id, offset),' '_ if grown < 1 << 40 => all.pools[group].claim(*id, offset),'
