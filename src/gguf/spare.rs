//! What memory the system and this process' control groups have to spare. Knows numbers out of /proc and
//! /sys; not what takes it.
//!
//! Sources: `Documentation/filesystems/proc.rst` (meminfo), `Documentation/admin-guide/cgroup-v2.rst` and
//! `Documentation/admin-guide/cgroup-v1/memory.rst` in Linux.

use crate::cgroup::{Group, Read, Version, groups, read_file};
use std::path::Path;

/// Left to others whatever is taken: a part in this many of all there is, and at least [`LEAST_MARGIN`]
/// bytes.
const MARGIN_PART: u64 = 8;
const LEAST_MARGIN: u64 = 64 << 20;

/// From here on a limit of version 1 is none: it has no word for that, but the largest number of whole pages.
const UNLIMITED: u64 = 1 << 62;

/// Bytes that can be taken for good, with a margin left: by the system and by each control group that this
/// process is in. 0 where that is not known.
pub(super) fn spare() -> u64 {
    spare_by(&read_file)
}

fn spare_by(read: Read<'_>) -> u64 {
    let system = read(Path::new("/proc/meminfo")).and_then(|text| of_system(&text));
    let groups = groups("memory", read).into_iter().filter_map(|group| of_group(&group, read));
    groups.chain([system.unwrap_or(0)]).min().unwrap_or(0)
}

/// `available` of `limit` bytes, less the margin.
fn with_margin(available: u64, limit: u64) -> u64 {
    available.saturating_sub((limit / MARGIN_PART).max(LEAST_MARGIN))
}

/// By the text of meminfo.
fn of_system(meminfo: &str) -> Option<u64> {
    let bytes = |name: &str| field(meminfo, name)?.checked_mul(1024);
    Some(with_margin(bytes("MemAvailable:")?, bytes("MemTotal:")?))
}

/// The number behind `name` in lines of names and numbers.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse().ok())?)
}

/// What a group's limit leaves; `None`: it has none. Pages of files that nobody has used of late are no use
/// of memory: the group drops them first.
fn of_group(group: &Group, read: Read<'_>) -> Option<u64> {
    let text = |name: &str| read(&group.folder.join(name));
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let statistics = text("memory.stat").unwrap_or_default();
    let (limit, used, droppable) = match group.version {
        Version::Two => (
            // Over the high limit it is slowed down, over the other it is killed.
            [number("memory.high"), number("memory.max")].into_iter().flatten().min(),
            number("memory.current"),
            field(&statistics, "inactive_file"),
        ),
        Version::One => {
            let own = number("memory.limit_in_bytes");
            // Groups above may be hidden from a container.
            let above = field(&statistics, "hierarchical_memory_limit");
            let droppable = field(&statistics, "total_inactive_file");
            (
                own.into_iter().chain(above).min().filter(|limit| *limit < UNLIMITED),
                number("memory.usage_in_bytes"),
                droppable.or_else(|| field(&statistics, "inactive_file")),
            )
        }
    };
    let limit = limit?;
    // Limited, by how much is not known: nothing is to spare.
    let used = used.map_or(limit, |used| used.saturating_sub(droppable.unwrap_or(0)));
    Some(with_margin(limit.saturating_sub(used), limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const V2: &str = "24 1 0:5 / /proc rw - proc proc rw\n30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    /// 16 GiB, of which 12 are available: 10 to spare.
    fn meminfo() -> String {
        format!("MemTotal: {} kB\nMemFree: 1 kB\nMemAvailable: {} kB\n", 16 << 20, 12 << 20)
    }

    /// What is spare where there are these files; all else is missing.
    fn with(files: &[(&str, &str)]) -> u64 {
        spare_by(&|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn what_the_system_has_counts_less_a_margin_and_what_is_not_known_is_not_there() {
        let small = "MemTotal: 262144 kB\nMemAvailable: 204800 kB\n";
        for (text, spare) in [
            (meminfo().as_str(), 10 << 30),
            (small, (200 - 64) * MIB),
            ("MemTotal: 262144 kB\nMemAvailable: 1024 kB\n", 0),
            ("MemTotal: 262144 kB\n", 0),
            ("MemTotal: 262144 kB\nMemAvailable: many kB\n", 0),
            ("MemTotal: 18446744073709551615 kB\nMemAvailable: 18446744073709551615 kB\n", 0),
            ("", 0),
        ] {
            assert_eq!(with(&[("/proc/meminfo", text)]), spare, "{text}");
        }
        assert_eq!(with(&[]), 0);
    }

    /// With a group of version 2 at a/b, and these files of groups.
    fn two(files: &[(&str, &str)]) -> u64 {
        let meminfo = meminfo();
        let mut all = vec![
            ("/proc/meminfo", meminfo.as_str()),
            ("/proc/self/cgroup", "0::/a/b\n"),
            ("/proc/self/mountinfo", V2),
        ];
        all.extend(files);
        with(&all)
    }

    #[test]
    fn groups_of_version_2_limit_also_those_around() {
        let own = |name: &str| format!("/sys/fs/cgroup/a/b/memory.{name}");
        let (max, high, current, stat) = (own("max"), own("high"), own("current"), own("stat"));
        let used = (current.as_str(), "314572800\n");
        let file = (stat.as_str(), "anon 1\nfile 209715200\ninactive_file 104857600\nactive_file 7\n");
        let gib = (max.as_str(), "1073741824\n");
        // 1,024 MiB, of which 128 are the margin, 300 are used, and 100 of these can be dropped.
        assert_eq!(two(&[gib, used, file]), (1024 - 128 - 200) * MIB);
        assert_eq!(two(&[gib, used]), (1024 - 128 - 300) * MIB, "without statistics");
        assert_eq!(two(&[gib, file]), 0, "a limit, and nobody knows what is used");
        assert_eq!(two(&[(&max, "max\n"), used, file]), 10 << 30);
        assert_eq!(two(&[]), 10 << 30, "the root, or another controller");
        assert_eq!(two(&[gib, (&high, "536870912\n"), used, file]), (512 - 64 - 200) * MIB);
        assert_eq!(two(&[gib, (&high, "max\n"), used, file]), (1024 - 128 - 200) * MIB);
        assert_eq!(two(&[(&max, "104857600\n"), used, file]), 0, "more used than allowed");
        let around =
            [("/sys/fs/cgroup/a/memory.max", "419430400"), ("/sys/fs/cgroup/a/memory.current", "314572800")];
        assert_eq!(two(&[gib, used, file, around[0], around[1]]), (400 - 300 - 64) * MIB);
        let root = [("/sys/fs/cgroup/memory.max", "629145600"), ("/sys/fs/cgroup/memory.current", "0")];
        assert_eq!(two(&[gib, used, file, root[0], root[1]]), (600 - 75) * MIB);
    }

    #[test]
    fn groups_of_version_1_limit_also_where_a_container_sees_a_part_only() {
        let meminfo = meminfo();
        let mounts = "31 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let one = |own: &str, files: &[(&str, &str)]| {
            let mut all = vec![
                ("/proc/meminfo", meminfo.as_str()),
                ("/proc/self/cgroup", own),
                ("/proc/self/mountinfo", mounts),
            ];
            all.extend(files);
            with(&all)
        };
        let limit = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
        let none = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        let used = ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "314572800\n");
        let file = ("/sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 104857600\n");
        let above = ("/sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 524288000\n");
        for own in [
            "4:memory:/docker/abc\n0::/\n",
            "3:cpu:/x\n2:cpuset,memory:/docker/abc/inner\n",
            "4:memory:/other\n",
        ] {
            assert_eq!(one(own, &[limit, used, file]), (1024 - 128 - 200) * MIB, "{own}");
            assert_eq!(one(own, &[none, used, file]), 10 << 30, "{own}");
            assert_eq!(one(own, &[none, used, above]), (500 - 300 - 64) * MIB, "{own}");
        }
        let inner = [
            ("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "419430400"),
            ("/sys/fs/cgroup/memory/inner/memory.usage_in_bytes", "0"),
        ];
        let own = "4:memory:/docker/abc/inner\n";
        assert_eq!(one(own, &[limit, used, file, inner[0], inner[1]]), (400 - 64) * MIB);
        assert_eq!(one("4:cpu:/docker/abc\n", &[limit, used, file]), 10 << 30, "another controller");
        assert_eq!(one("nonsense\n::\n", &[limit, used, file]), 10 << 30);
    }

    #[test]
    fn this_system_says_something_that_can_be() {
        let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| field(&text, "MemTotal:"));
        if let Some(total) = total {
            assert!(spare() <= total * 1024);
        }
    }
}
