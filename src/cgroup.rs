//! The control groups that this process is in, and what is written in their files. Knows not what a group
//! limits.
//!
//! Floor 0. Sources: `cgroups(7)`; `Documentation/filesystems/proc.rst` (mountinfo) in Linux.

use std::path::{Path, PathBuf};

/// Reads a small file; `None`: there is none.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// A [`Read`] of the system's files.
pub(crate) fn read_file(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// A control group.
#[derive(Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) folder: PathBuf,
    pub(crate) version: Version,
}

/// How a group's files are called and read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Version {
    One,
    Two,
}

/// The groups of `controller` ("memory", "cpu") that this process is in, and those around them, as far as
/// they can be seen.
pub(crate) fn groups(controller: &str, read: Read<'_>) -> Vec<Group> {
    let own = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let mounts = read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
    let mut groups = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let version = match controllers {
            "" => Version::Two,
            some if some.split(',').any(|one| one == controller) => Version::One,
            _ => continue,
        };
        let mut mounts = mounts.lines();
        let Some((root, mount)) = mounts.find_map(|line| mounted(line, version, controller)) else {
            continue;
        };
        // In a container the path may be the host's, of which the mount shows a part only.
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        for folder in mount.join(below).ancestors().take_while(|folder| folder.starts_with(mount)) {
            groups.push(Group { folder: folder.to_owned(), version });
        }
    }
    groups
}

/// What a line of mountinfo mounts of the groups of `controller`, and where.
fn mounted<'a>(line: &'a str, version: Version, controller: &str) -> Option<(&'a Path, &'a Path)> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, folder) = (fields.next()?, fields.next()?);
    let mut kind = kind.split(' ');
    let fits = match (version, kind.next()?) {
        (Version::Two, "cgroup2") => true,
        (Version::One, "cgroup") => kind.nth(1)?.split(',').any(|option| option == controller),
        _ => false,
    };
    fits.then_some((Path::new(root), Path::new(folder)))
}
