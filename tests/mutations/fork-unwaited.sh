# What is asked of a session is done while a cancelled generation of it has not stopped.
replace src/engine/session.rs '_ if self.active.is_some() => None,' '_ if self.model == u64::MAX => None,'
