//! `POST /v1/messages`.

mod answer;
mod request;
#[cfg(test)]
mod tests;

pub(crate) use answer::{events, json};
pub(crate) use request::read;
