//! The samplers together, against a plain reference in f64: which tokens stay, how often each is drawn, and
//! that all instruction sets draw the same.

mod chances;
mod exact;
mod naive;
mod sets;
