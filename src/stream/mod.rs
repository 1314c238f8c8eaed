//! Events from one producer to one consumer, ended exactly once.
