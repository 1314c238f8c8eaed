//! What a host meets, through the whole runtime: `docs/scenarios.md` has the promises.

#[path = "../support/mod.rs"]
mod support;

mod adapters;
mod answer_scope;
mod apart;
mod budget;
mod cancel;
mod company;
mod continuity;
mod delivery;
mod drafts;
mod drafts_memory;
mod embeddings;
mod ends;
mod estimate;
mod failures;
mod file_sampling;
mod folders;
mod fork;
mod grammars;
mod in_front;
mod input;
mod keep;
mod kv_type;
mod lifecycle;
mod load;
mod log;
mod minilm;
mod model_files;
mod pace;
mod persona;
mod prefix;
mod rate;
mod real_tools;
mod rewind;
mod roll;
mod saves;
mod saves_kv;
mod saves_places;
mod session;
mod share;
mod shared_prefix;
mod side;
mod smoke;
mod speech;
mod stutter;
mod text;
mod tool_choice;
mod twin;
mod vocabularies;
mod warm;

/// Counts for each thread by itself, so that tests stay apart.
#[global_allocator]
static ALLOCATOR: support::counting::Counting = support::counting::Counting;
