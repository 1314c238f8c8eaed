//! The server as its clients meet it: the program itself, with a fake model, over real connections.

mod support;

mod auth;
mod chat;
mod completions;
mod drain;
mod embeddings;
mod forms;
mod jobs;
mod leave;
mod limits;
mod load;
mod loading;
mod routes;
mod tools;
