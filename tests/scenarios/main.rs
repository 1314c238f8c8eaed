//! What a host meets, through the whole runtime: `docs/scenarios.md` has the promises.

#[path = "../support/mod.rs"]
mod support;

mod apart;
mod budget;
mod cancel;
mod continuity;
mod delivery;
mod ends;
mod failures;
mod input;
mod lifecycle;
mod load;
mod log;
mod model_files;
mod pace;
mod persona;
mod session;
mod settle;
mod share;
mod side;
mod smoke;
mod stutter;
mod text;

/// Counts for each thread by itself, so that tests stay apart.
#[global_allocator]
static ALLOCATOR: support::counting::Counting = support::counting::Counting;
