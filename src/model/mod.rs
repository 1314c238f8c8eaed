//! Weights and tokens to logits, behind one trait.
