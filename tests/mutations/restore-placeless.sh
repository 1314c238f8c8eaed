# A restored session knows its end alone.
replace src/engine/saves.rs 'Some(places) => session.conversation.restore_places(places),' 'Some(_) => session.conversation.keep_place(session.tokens.len()),'
