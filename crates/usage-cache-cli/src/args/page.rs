use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::AskedArgs;

/// One file that needs nothing else: no network, no fonts, no scripts. It shows what was spent
/// today, this month and in all, each day by model, the hours of the week, the top projects and
/// sessions, how much of the prompts came from the prompt cache, and what is not known.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct PageArgs {
    /// Where to write the page; a page that is there already is replaced as a whole, `-` is
    /// standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) html: PathBuf,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
    /// Of made-up transcripts in a temporary directory
    #[arg(long, conflicts_with = "no_refresh")]
    pub(crate) demo: bool,
}
