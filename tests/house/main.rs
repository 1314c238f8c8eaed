//! The order of the repository itself: what its files name, hold and promise.

mod files;
mod floors;
mod layout;
mod mutations;
mod rooms;
mod scenarios;
mod server;
