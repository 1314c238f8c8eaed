//! What the programs of tests share. Each includes all of it and uses some; a part is there where the
//! features that it needs are.
#![allow(dead_code, unused_imports)]

pub mod counting;
pub mod stream;
pub mod time;

#[cfg(feature = "shuttle")]
pub mod shuttle;

#[cfg(all(feature = "testing", not(feature = "shuttle")))]
pub mod c_abi;
#[cfg(all(feature = "candle", feature = "testing"))]
pub mod candle;
#[cfg(all(feature = "native", feature = "text"))]
pub mod divergence;
#[cfg(feature = "native")]
pub mod driver;
#[cfg(all(feature = "testing", not(feature = "shuttle")))]
pub mod fuzz;
#[cfg(all(feature = "testing", not(feature = "shuttle")))]
pub mod gguf;
#[cfg(not(feature = "shuttle"))]
pub mod samplers;
#[cfg(all(feature = "testing", not(feature = "shuttle")))]
pub mod scenario;
#[cfg(all(feature = "testing", not(feature = "shuttle")))]
pub mod tiny;
