//! How many processors this process' control groups pay for. Knows numbers out of /proc and /sys; no thread.
//!
//! Sources: `Documentation/admin-guide/cgroup-v2.rst` (cpu.max) and `Documentation/scheduler/sched-bwc.rst`
//! in Linux.

use crate::cgroup::{Group, Read, Version, groups, read_file};

/// Whole processors' time that this process may use, at least 1; `usize::MAX`: no group limits it.
pub(super) fn quota() -> usize {
    quota_by(&read_file)
}

fn quota_by(read: Read<'_>) -> usize {
    let groups = groups("cpu", read).into_iter().filter_map(|group| of_group(&group, read));
    groups.min().map_or(usize::MAX, |processors| processors.max(1))
}

/// Microseconds of each period, divided by the period; `None`: the group has no limit.
fn of_group(group: &Group, read: Read<'_>) -> Option<usize> {
    let text = |name: &str| read(&group.folder.join(name));
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let (quota, period) = match group.version {
        Version::Two => {
            let limit = text("cpu.max")?;
            let (quota, period) = limit.trim().split_once(' ')?;
            (number(quota)?, number(period)?)
        }
        // Without a limit it is -1.
        Version::One => (number(&text("cpu.cfs_quota_us")?)?, number(&text("cpu.cfs_period_us")?)?),
    };
    quota.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The quota where there are these files; all else is missing.
    fn with(files: &[(&str, &str)]) -> usize {
        quota_by(&|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_least_of_a_group_and_those_around_it() {
        let mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let two = |own: &str, around: &str| {
            with(&[
                ("/proc/self/cgroup", "0::/a/b\n"),
                ("/proc/self/mountinfo", mount),
                ("/sys/fs/cgroup/a/b/cpu.max", own),
                ("/sys/fs/cgroup/a/cpu.max", around),
            ])
        };
        assert_eq!(two("350000 100000\n", "max 100000\n"), 3);
        assert_eq!(two("350000 100000\n", "200000 100000\n"), 2);
        assert_eq!(two("max 100000\n", "max 100000\n"), usize::MAX);
        assert_eq!(two("1000 100000\n", "max 100000\n"), 1, "less than one");
        for odd in ["", "100000", "5 0\n", "-1 100000\n", "many few\n"] {
            assert_eq!(two(odd, "400000 100000\n"), 4, "{odd:?}");
        }
        assert_eq!(with(&[]), usize::MAX);
    }

    #[test]
    fn groups_of_version_1_too() {
        let one = |quota: &str| {
            with(&[
                ("/proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/y\n"),
                (
                    "/proc/self/mountinfo",
                    "31 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
                ),
                ("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", quota),
                ("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "50000\n"),
            ])
        };
        assert_eq!(one("100000\n"), 2);
        assert_eq!(one("-1\n"), usize::MAX);
    }
}
