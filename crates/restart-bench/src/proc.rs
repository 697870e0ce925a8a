//! Processes, as Linux shows them in `/proc`.
#![expect(clippy::disallowed_methods, reason = "the process table of Linux is read as files")]

mod diag;
mod parse;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
};

use rustix::net::AddressFamily;

use self::parse::{StatLine, handles, listener, socket_inode, stat_line};
use crate::{
    Micros,
    record::{ProcessIdentity, Resources},
};

/// A process with all that it has started, directly or not, itself first.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut tree = vec![root];
    let mut seen = BTreeSet::from([root]);
    let mut nth = 0;
    while let Some(pid) = tree.get(nth).copied() {
        nth += 1;
        tree.extend(children(pid).into_iter().filter(|child| seen.insert(*child)));
    }
    tree
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

/// Which process has this number now; `None` if there is none, or it has ended.
pub(crate) fn identity(pid: u32) -> Option<ProcessIdentity> {
    let line = stat(pid).filter(|line| !line.has_ended)?;
    Some(ProcessIdentity { pid, start_ticks: line.start_ticks })
}

fn stat(pid: u32) -> Option<StatLine> {
    stat_line(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// What each of these processes takes. Those that end meanwhile are left out.
pub(crate) fn resources(pids: &[u32]) -> Vec<(ProcessIdentity, Resources)> {
    let (page, tick) = (rustix::param::page_size() as u64, rustix::param::clock_ticks_per_second());
    let of = |pid: &u32| {
        let line = stat(*pid)?;
        let taken = Resources {
            rss_bytes: line.rss_pages * page,
            cpu_us: Micros(line.cpu_ticks * 1_000_000 / tick.max(1)),
            threads: line.threads,
            open_files: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |fds| fds.count() as u64),
        };
        Some((ProcessIdentity { pid: *pid, start_ticks: line.start_ticks }, taken))
    };
    pids.iter().filter_map(of).collect()
}

/// What they take together.
pub(crate) fn total(each: &[(ProcessIdentity, Resources)]) -> Resources {
    each.iter().fold(Resources::default(), |sum, (_, one)| Resources {
        rss_bytes: sum.rss_bytes + one.rss_bytes,
        cpu_us: sum.cpu_us.plus(one.cpu_us),
        threads: sum.threads + one.threads,
        open_files: sum.open_files + one.open_files,
    })
}

/// The sockets that listen on a port, by their inodes, in order.
pub(crate) fn listeners(port: u16) -> Vec<u64> {
    let asked = [AddressFamily::INET, AddressFamily::INET6].map(diag::listeners);
    let mut inodes = BTreeSet::new();
    for (answer, table) in asked.into_iter().zip(["/proc/net/tcp", "/proc/net/tcp6"]) {
        match answer {
            Ok(all) => {
                let here = all.into_iter().filter(|listener| listener.port == port);
                inodes.extend(here.map(|listener| listener.inode));
            }
            // Some containers do not let anybody ask.
            Err(_) => inodes.extend(in_table(table, port)),
        }
    }
    inodes.into_iter().collect()
}

/// Those that listen come first; after them there may be thousands of others.
fn in_table(table: &str, port: u16) -> Vec<u64> {
    let Ok(file) = fs::File::open(table) else { return Vec::new() };
    let lines = BufReader::new(file).lines().skip(1).map_while(Result::ok);
    let listeners = lines.map_while(|line| listener(&line)).filter(|(on, _)| *on == port);
    listeners.map(|(_, inode)| inode).collect()
}

/// Which of these processes have one of these sockets.
pub(crate) fn owners(pids: &[u32], inodes: &[u64]) -> Vec<ProcessIdentity> {
    let owns = |pid: &u32| {
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let links = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
        let mut sockets = links.filter_map(|link| socket_inode(link.to_str()?));
        sockets.any(|inode| inodes.contains(&inode))
    };
    pids.iter().filter(|pid| owns(pid)).filter_map(|pid| identity(*pid)).collect()
}

/// Whether a process does something of its own when it gets a signal; `None` if nobody can tell.
pub(crate) fn handles_signal(pid: u32, signal: i32) -> Option<bool> {
    handles(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, signal)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn this_process_is_seen() {
        let me = std::process::id();
        let identity = identity(me).unwrap();
        assert_eq!(identity.pid, me);
        assert!(tree(me).contains(&me));
        let (process, taken) = resources(&[me])[0];
        assert_eq!(process, identity);
        assert!(0 < taken.rss_bytes && 0 < taken.threads && 0 < taken.open_files, "{taken:?}");
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let inodes = listeners(socket.local_addr().unwrap().port());
        assert_eq!(inodes.len(), 1);
        // Both ways to ask give the same.
        let port = socket.local_addr().unwrap().port();
        assert_eq!(in_table("/proc/net/tcp", port), inodes);
        let asked = diag::listeners(AddressFamily::INET).unwrap();
        assert!(asked.contains(&diag::Listener { port, inode: inodes[0] }), "{asked:?}");
        assert_eq!(owners(&[me], &inodes), [identity]);
        drop(socket);
        assert_eq!(owners(&[me], &inodes), []);
        assert_eq!(super::identity(u32::MAX), None);
        assert_eq!(resources(&[u32::MAX]), []);
        // SIGKILL cannot be handled.
        assert_eq!(handles_signal(me, 9), Some(false));
        assert_eq!(handles_signal(u32::MAX, 9), None);
    }
}
