//! Sequences, scheduling and batching: a synchronous state machine over a model.
