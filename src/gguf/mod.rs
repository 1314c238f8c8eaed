//! Bytes to a validated layout of a model file.
