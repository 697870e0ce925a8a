//! A server on loopback that answers like the APIs of Anthropic and OpenAI, with a prompt cache
//! that expires.
//!
//! A program that keeps prompt caches warm, or counts what they save, needs a provider whose cache
//! is known to the token and to the millisecond, and that fails when it is told to. There is no
//! model in this one: an answer is a few words, and a token is four bytes.
//!
//! ```
//! use std::time::Duration;
//! use fake_provider::{Lifetimes, Tier, cache::{BlockCache, Prompt}};
//!
//! let mut prompt = Prompt::new("an account", "a model");
//! prompt.push("You are a long instruction.", 2_000, Some(Tier::FiveMinutes));
//! prompt.push("Hello.", 2, None);
//!
//! let mut cache = BlockCache::default();
//! let mut ask = |seconds| {
//!     let started = Duration::from_secs(seconds);
//!     let (usage, writes) = cache.begin(&prompt, 1_024, &Lifetimes::DOCUMENTED, started);
//!     cache.commit(writes);
//!     (usage.write_5m, usage.read, usage.uncached)
//! };
//! assert_eq!(ask(0), (2_000, 0, 2));
//! assert_eq!(ask(299), (0, 2_000, 2));
//! assert_eq!(ask(598), (0, 2_000, 2));
//! assert_eq!(ask(898), (2_000, 0, 2));
//! ```
//!
//! # As a server
//!
//! ```
//! use fake_provider::{Config, FakeProvider, Fault};
//!
//! let provider = FakeProvider::start(Config::USUAL)?;
//! provider.fail_next(Fault::RateLimited(Some(2)));
//! println!("point a client at {}", provider.base_url());
//! assert!(provider.requests().is_empty());
//! # Ok::<(), fake_provider::StartError>(())
//! ```
//!
//! * `POST /v1/messages`, `POST /v1/chat/completions` and `POST /v1/responses`, each as JSON and as
//!   a stream of events; `GET /v1/models`.
//! * `GET /fake/requests` says what became of the requests, without credentials and content.
//! * A request with a header `x-fake-fault` goes wrong as its value says, see [`Fault`].
//!
//! # How tokens are counted
//!
//! A text has one token for each four bytes and one for what remains ([`tokens`]). With Anthropic's
//! API a block of text has those of its text, and every other block (tools, images, results of
//! tools) those of its JSON without white space and `cache_control`. With OpenAI's the prompt is
//! one text: tools as lines of JSON, then for each message a line with the role and one with the
//! text; messages with more than that are a line of JSON. For GPT-5.6 and later models the lines of
//! each part count apart.
//!
//! # What is known of the caches
//!
//! See [`cache::BlockCache`] for Anthropic's, [`cache::PointCache`] for that of GPT-5.6 and later
//! models, and [`cache::StepCache`] for that of earlier ones, which all other names have.
//!
//! In addition, for OpenAI: `prompt_cache_options.prewarm` of the Responses API fills the cache and
//! generates nothing; there, `max_output_tokens` is at least 16.
//!
//! In addition, for Anthropic:
//!
//! * The prefix is tools, system, messages. Another model or other tools change all of it; another
//!   system prompt changes it and the messages; another `tool_choice`, thinking on, off or with
//!   another budget, and the first or last image change the messages only.
//! * The order of the fields within the arguments of a tool matters, that of the fields of a block
//!   does not.
//! * At most four breakpoints; those of one hour come first; `cache_control` of the request itself
//!   is a breakpoint after the last block.
//! * `max_tokens: 0` fills the cache and generates nothing; it is refused with `stream`, thinking
//!   of type `enabled`, `output_config.format`, and a `tool_choice` of type `tool` or `any`.
//! * Every credential has a cache of its own.
//!
//! # Not provided
//!
//! Thinking, calls of tools, batches, counting of tokens, files, and stored responses
//! (`previous_response_id` is never found). Breakpoints of OpenAI's API in anything but text. TLS,
//! and addresses other than 127.0.0.1.

mod anthropic;
mod api;
mod body;
pub mod cache;
mod config;
mod fault;
mod json;
mod lifetime;
mod models;
mod openai;
mod problem;
mod provider;
mod request;
mod service;
mod state;
mod usage;

pub use config::{Config, Minimum};
pub use fault::{Fault, Faults, UnknownFault};
pub use lifetime::{Lifetimes, Tier};
pub use provider::{FakeProvider, StartError};
pub use request::{Progress, RecordedRequest};
pub use usage::{Usage, tokens};
