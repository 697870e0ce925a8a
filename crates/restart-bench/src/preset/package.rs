use std::path::{Path, PathBuf};

use common_fs::{Access, FsError, Host, follow_links, read_whole};
use serde::Deserialize;

/// Why the version of a gateway is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// Something could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is no `package.json` with a version above the script.
    #[error("there is no package.json with a version above `{}`", .0.display())]
    NoVersion(PathBuf),
}

/// Much more than a package says of itself.
const PACKAGE_BYTES_MAX: usize = 4 << 20;

/// The version in the `package.json` nearest above `entry`, the script of a gateway, that has one.
///
/// Bundles have others without, which say how their modules are written.
pub fn package_version(host: Host<'_>, entry: &Path) -> Result<String, PackageError> {
    // `node_modules/.bin` has links to the scripts.
    let (dir, _) = follow_links(host.fs, entry)?;
    for above in dir.path().ancestors() {
        let opened = host.fs.open_dir(above)?.open("package.json".as_ref(), Access::Read);
        let content = match opened {
            Ok(file) => read_whole(file.as_ref(), PACKAGE_BYTES_MAX)?,
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(version) = content.and_then(|content| version(&content)) {
            return Ok(version);
        }
    }
    Err(PackageError::NoVersion(entry.to_owned()))
}

fn version(package: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Package {
        version: Option<String>,
    }
    serde_json::from_slice::<Package>(package).ok()?.version
}

#[cfg(test)]
mod tests {
    use common_fs::sim::Sim;

    use super::*;

    fn installed() -> Sim {
        let sim = Sim::new();
        sim.fs.make_dir("/m/openclaw/dist");
        sim.fs.make_dir("/m/.bin");
        sim.fs.put("/m/openclaw/dist/entry.js", b"");
        sim.fs.put("/m/openclaw/dist/package.json", br#"{"type":"module"}"#);
        sim.fs.put("/m/openclaw/package.json", br#"{"name":"openclaw","version":"2026.9.6"}"#);
        sim.fs.symlink("/m/.bin/openclaw", "../openclaw/dist/entry.js");
        sim
    }

    #[test]
    fn the_nearest_package_with_a_version_counts() {
        let sim = installed();
        let version = |entry: &str| package_version(sim.host(), entry.as_ref());
        assert_eq!(version("/m/openclaw/dist/entry.js").unwrap(), "2026.9.6");
        assert_eq!(version("/m/.bin/openclaw").unwrap(), "2026.9.6");
        let missing = version("/m/.bin/none").unwrap_err();
        assert!(matches!(missing, PackageError::NoVersion(_)), "{missing}");
        assert!(matches!(version("/none/entry.js"), Err(PackageError::Fs(_))));
    }

    #[test]
    fn a_package_that_cannot_be_read_has_no_version() {
        for text in ["", "{", "[]", r#"{"version":1}"#, r#"{"name":"x"}"#] {
            assert_eq!(version(text.as_bytes()), None, "{text}");
        }
    }
}
