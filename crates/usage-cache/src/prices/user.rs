//! The price list of the user.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::{Access, Fs, FsError, follow_links, read_whole};

use super::{PriceList, PriceListError};
use crate::locations::path_in;

/// A file larger than this is no list of prices; the largest known one, of LiteLLM, has 3 MiB.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A list of prices that is there but cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserPricesError {
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It is larger than a list of prices can be.
    #[error("`{}` is larger than {LIST_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Its content is not a list of prices.
    #[error("cannot read prices from `{}`", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: PriceListError,
    },
}

/// Where the user keeps prices: `prices.json` in `UPKEEP_CONFIG_DIR`, else in `upkeep` in
/// `XDG_CONFIG_HOME`, else in `~/.config/upkeep`.
///
/// `None` without a home directory where one is needed.
pub fn user_prices_path(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.as_deref();
    let config = match path_in(&env, home, "UPKEEP_CONFIG_DIR") {
        Some(path) => path,
        // The XDG base directory specification: relative paths are invalid and ignored.
        None => match path_in(&env, home, "XDG_CONFIG_HOME").filter(|path| path.is_absolute()) {
            Some(path) => path.join("upkeep"),
            None => home?.join(".config/upkeep"),
        },
    };
    Some(config.join("prices.json"))
}

/// Reads a list of prices, in any of the formats of [`PriceList::parse`]; `None` if there is no
/// such file. Follows links: people keep their configuration elsewhere.
pub fn user_prices(fs: &dyn Fs, path: &Path) -> Result<Option<PriceList>, UserPricesError> {
    let opened = follow_links(fs, path).and_then(|(dir, name)| dir.open(&name, Access::Read));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(bytes) = read_whole(file.as_ref(), LIST_BYTES_MAX)? else {
        return Err(UserPricesError::TooLarge { path: path.to_owned() });
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let listed = PriceList::parse(text);
    listed.map(Some).map_err(|source| UserPricesError::List { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables, and the expected place.
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);

    #[test]
    fn variables_come_before_the_usual_place() {
        let home = ("HOME", "/h");
        let table: [Case<'_>; 6] = [
            (&[home], Some("/h/.config/upkeep/prices.json")),
            (&[home, ("XDG_CONFIG_HOME", "/x")], Some("/x/upkeep/prices.json")),
            (&[home, ("XDG_CONFIG_HOME", "x")], Some("/h/.config/upkeep/prices.json")),
            (&[("UPKEEP_CONFIG_DIR", "/u"), ("XDG_CONFIG_HOME", "/x")], Some("/u/prices.json")),
            (&[home, ("UPKEEP_CONFIG_DIR", "~/u")], Some("/h/u/prices.json")),
            (&[], None),
        ];
        for (env, expected) in table {
            let get = |name: &str| {
                env.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(user_prices_path(get), expected.map(PathBuf::from), "{env:?}");
        }
    }
}
