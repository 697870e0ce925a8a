//! The lines of files in `/proc`; proc(5) has their fields.

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatLine {
    /// It is a zombie.
    pub(super) has_ended: bool,
    pub(super) cpu_ticks: u64,
    pub(super) threads: u64,
    pub(super) start_ticks: u64,
    pub(super) rss_pages: u64,
}

/// A line of `/proc/PID/stat`. The name of the command, in parentheses, may have some itself: fields
/// count from the last one.
pub(super) fn stat_line(line: &str) -> Option<StatLine> {
    let (_, rest) = line.rsplit_once(')')?;
    // The first of these is field 3 of the line.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(StatLine {
        has_ended: matches!(*fields.first()?, "Z" | "X" | "x"),
        cpu_ticks: number(14)? + number(15)?,
        threads: number(20)?,
        start_ticks: number(22)?,
        rss_pages: number(24)?,
    })
}

/// The port and the inode of a line of `/proc/net/tcp`, if that is a socket that listens.
pub(super) fn listener(line: &str) -> Option<(u16, u64)> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    (state == LISTEN).then_some((port, inode))
}

/// The inode of a link of `/proc/PID/fd` that is a socket.
pub(super) fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Whether `SigCgt` in `/proc/PID/status` has a signal.
pub(super) fn handles(status: &str, signal: i32) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    let bit = u32::try_from(signal).ok()?.checked_sub(1)?;
    Some(mask.checked_shr(bit)? & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc() {
        let tail = "S 1 2 3 0 -1 4194304 9 0 0 0 120 30 0 0 20 0 11 0 4242 900000000 155000 1";
        for name in ["node", "a b", "x) Z (y"] {
            let expected = StatLine {
                has_ended: false,
                cpu_ticks: 150,
                threads: 11,
                start_ticks: 4_242,
                rss_pages: 155_000,
            };
            assert_eq!(stat_line(&format!("7 ({name}) {tail}")), Some(expected), "{name}");
        }
        assert!(stat_line(&format!("7 (x) Z{}", &tail[1..])).is_some_and(|line| line.has_ended));
        for line in ["", "7 (x", "7 (x) S", "7 (x) S 1 2 a"] {
            assert_eq!(stat_line(line), None, "{line}");
        }
        let row = "   0: 0100007F:4A38 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51321 1 0000000000000000 100 0 0 10 0";
        assert_eq!(listener(row), Some((19_000, 51_321)));
        assert_eq!(listener(&row.replace(" 0A ", " 06 ")), None);
        assert_eq!(listener("sl local_address rem_address st"), None);
        assert_eq!(socket_inode("socket:[51321]"), Some(51_321));
        assert_eq!(socket_inode("pipe:[51321]"), None);
        let status = "Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000014a03\n";
        let handled: Vec<i32> =
            (1..=64).filter(|signal| handles(status, *signal) == Some(true)).collect();
        assert_eq!(handled, [1, 2, 10, 12, 15, 17]);
        assert_eq!(handles("Name:\tx\n", 1), None);
        assert_eq!(handles(status, 0), None);
    }
}
