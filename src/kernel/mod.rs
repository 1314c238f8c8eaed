//! Arithmetic on slices; knows no model and no file.
