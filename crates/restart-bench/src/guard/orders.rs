use std::{ffi::OsString, path::PathBuf, time::Duration};

const GRACE: &str = "--grace-ms";
const ROOT: &str = "--root";
const DIR: &str = "--dir";
const COMMAND: &str = "--";

/// What a guard is told, on its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardOrders {
    /// What to start, with its arguments.
    pub command: Vec<OsString>,
    /// Where it works; where the guard does if there is none.
    pub dir: Option<PathBuf>,
    /// The directory that is made first and removed in the end.
    pub root: Option<PathBuf>,
    /// For how long the server may take to end by itself.
    pub grace: Duration,
}

impl GuardOrders {
    /// The arguments that say so.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![GRACE.into(), self.grace.as_millis().to_string().into()];
        for (name, path) in [(ROOT, &self.root), (DIR, &self.dir)] {
            let path = path.as_ref().map(|path| path.clone().into_os_string());
            arguments.extend(path.into_iter().flat_map(|path| [name.into(), path]));
        }
        arguments.push(COMMAND.into());
        arguments.extend(self.command.iter().cloned());
        arguments
    }

    /// What these arguments say, if they are such.
    pub fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter();
        let mut orders = Self { command: Vec::new(), dir: None, root: None, grace: Duration::ZERO };
        loop {
            let name = arguments.next()?;
            if name == COMMAND {
                break;
            }
            let value = arguments.next()?;
            match name.to_str()? {
                GRACE => orders.grace = Duration::from_millis(value.to_str()?.parse().ok()?),
                ROOT => orders.root = Some(value.into()),
                DIR => orders.dir = Some(value.into()),
                _ => return None,
            }
        }
        orders.command = arguments.collect();
        (!orders.command.is_empty()).then_some(orders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_arguments() {
        let orders = GuardOrders {
            command: ["server", "--root", "--", ""].map(OsString::from).to_vec(),
            dir: Some("/d".into()),
            root: None,
            grace: Duration::from_millis(250),
        };
        let arguments = orders.to_arguments();
        assert_eq!(arguments[..5], ["--grace-ms", "250", "--dir", "/d", "--"]);
        assert_eq!(GuardOrders::from_arguments(arguments), Some(orders.clone()));
        let orders = GuardOrders { root: Some("/r".into()), ..orders };
        assert_eq!(GuardOrders::from_arguments(orders.to_arguments()), Some(orders));
    }

    #[test]
    fn other_arguments_are_none() {
        for words in [
            &["--grace-ms", "1"][..],
            &["--grace-ms", "1", "--"],
            &["--grace-ms", "x", "--", "a"],
            &["--root"],
            &["--other", "1", "--", "a"],
        ] {
            assert_eq!(GuardOrders::from_arguments(words.iter().map(OsString::from)), None);
        }
    }
}
