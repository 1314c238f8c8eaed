# A window lets go of a block too early.
replace src/kv/image.rs '(position + 1).saturating_sub(window) / block' '(position + 1 + 2 * block).saturating_sub(window) / block'
