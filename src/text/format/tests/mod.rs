//! Templates in the forms that families of models have, what is learned of them, and turns in these forms
//! taken apart.

#[cfg(feature = "text")]
mod families;
mod stream;
mod words;
