# An answer is cut inside a character.
replace src/chat/back.rs 'let bytes = text.floor_char_boundary(bytes);' ''
