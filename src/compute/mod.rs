//! The fork-join pool over the runtime's own joinable threads.
