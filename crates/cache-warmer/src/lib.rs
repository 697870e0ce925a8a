//! Keeps the prompt cache of a conversation warm, only while that pays.

pub mod economics;
mod gaps;
mod millis;
mod money;
mod provider;
mod tier;
mod usage;

pub use gaps::{GapHistogram, Stakes};
pub use millis::Millis;
pub use money::NanoDollars;
pub use provider::{Model, Prices, Providers, ProvidersError, Source, Terms, Unknown, WarmMethod};
pub use tier::Tier;
pub use usage::RequestUsage;
