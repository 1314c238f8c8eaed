# A generation does not wait for its session's restore.
replace src/engine/core.rs 'self.sessions.insert(session, Session::awaiting(model, facts));' 'self.sessions.insert(session, Session::new(model, SessionOptions::default(), facts));'
