//! Which of a machine's processors are worth a thread. Knows what Linux tells of them in /sys; starts none.
//!
//! Sources, in Linux: `Documentation/ABI/testing/sysfs-devices-system-cpu` (topology, `cpu_capacity`,
//! cpufreq) and `Documentation/admin-guide/perf/intel-hybrid.rst` (`cpu_core`, `cpu_atom`).

use crate::cgroup::Read;
use std::collections::BTreeMap;
use std::path::Path;

/// Where the system tells of processors.
const CPUS: &str = "/sys/devices/system/cpu";

/// Of the capacity of the fastest core, in percent, what a performance core has at least: that of an
/// efficiency core is below.
const CAPACITY: u64 = 70;

/// The same of the highest frequency, which differs less, also between cores that are equal otherwise.
const FREQUENCY: u64 = 85;

/// Which processors have a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// One of each core.
    Physical,
    /// One of each fast core, of a machine that has slower ones.
    Performance,
    /// As many as the control groups pay for.
    Quota,
    /// All: the system does not tell which belong to one core.
    All,
}

impl Chosen {
    /// As the log says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Physical => "physical_cores",
            Self::Performance => "performance_cores",
            Self::Quota => "quota",
            Self::All => "processors",
        }
    }
}

/// How many of `processors` are worth a thread: one of each core and, where the system tells cores apart, of
/// the fast ones only, because all threads of a pass wait for the slowest. `None`: the system does not tell.
pub(super) fn cores(processors: &[usize], read: Read<'_>) -> Option<(usize, Chosen)> {
    // The first processor of each core.
    let mut cores = BTreeMap::new();
    for &cpu in processors {
        let siblings = of_cpu(cpu, "topology/thread_siblings_list", read)?;
        cores.entry(siblings).or_insert(cpu);
    }
    let cores: Vec<usize> = cores.into_values().collect();
    let all = cores.len();
    let fast = match by_kind(&cores, read) {
        Some(fast) => fast,
        None => by_number(&cores, "cpu_capacity", CAPACITY, read)
            .or_else(|| by_number(&cores, "cpufreq/cpuinfo_max_freq", FREQUENCY, read))
            .unwrap_or(all),
    };
    match fast {
        _ if all == 0 => None,
        fast if 0 < fast && fast < all => Some((fast, Chosen::Performance)),
        _ => Some((all, Chosen::Physical)),
    }
}

/// How many of `cores` the system calls performance cores, where it tells kinds apart.
fn by_kind(cores: &[usize], read: Read<'_>) -> Option<usize> {
    let list = |kind: &str| read(&Path::new("/sys/devices").join(kind).join("cpus"));
    let (performance, _efficiency) = (list("cpu_core")?, list("cpu_atom")?);
    Some(cores.iter().filter(|&&cpu| is_in(&performance, cpu)).count())
}

/// How many of `cores` reach `percent` of the largest number that any of them has in `file`.
fn by_number(cores: &[usize], file: &str, percent: u64, read: Read<'_>) -> Option<usize> {
    let number = |cpu: &usize| of_cpu(*cpu, file, read)?.parse::<u64>().ok();
    let numbers: Vec<u64> = cores.iter().map(number).collect::<Option<_>>()?;
    let most = numbers.iter().max()?.saturating_mul(percent);
    Some(numbers.iter().filter(|number| number.saturating_mul(100) >= most).count())
}

fn of_cpu(cpu: usize, file: &str, read: Read<'_>) -> Option<String> {
    let text = read(&Path::new(CPUS).join(format!("cpu{cpu}")).join(file))?;
    Some(text.trim().to_owned())
}

/// Whether a list such as `0-3,8` names `cpu`.
fn is_in(list: &str, cpu: usize) -> bool {
    list.trim().split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse().is_ok_and(|first: usize| first <= cpu)
            && last.parse().is_ok_and(|last: usize| cpu <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine: siblings of each processor, what stands in a file of each, and the lists of kinds.
    struct Machine {
        what: &'static str,
        siblings: &'static [&'static str],
        numbers: Numbers,
        kinds: Option<(&'static str, &'static str)>,
    }

    fn read(machine: &Machine, path: &Path) -> Option<String> {
        let path = path.to_str()?;
        if let Some(kind) = path.strip_prefix("/sys/devices/cpu_") {
            let (core, atom) = machine.kinds?;
            return Some(format!("{}\n", if kind == "core/cpus" { core } else { atom }));
        }
        let (cpu, file) = path.strip_prefix("/sys/devices/system/cpu/cpu")?.split_once('/')?;
        let cpu: usize = cpu.parse().ok()?;
        match machine.numbers {
            _ if file == "topology/thread_siblings_list" => Some(format!("{}\n", machine.siblings.get(cpu)?)),
            Some((name, numbers)) if file == name => Some(format!("{}\n", numbers.get(cpu)?)),
            _ => None,
        }
    }

    type Numbers = Option<(&'static str, &'static [u64])>;

    fn capacity(numbers: &'static [u64]) -> Numbers {
        Some(("cpu_capacity", numbers))
    }

    fn frequency(numbers: &'static [u64]) -> Numbers {
        Some(("cpufreq/cpuinfo_max_freq", numbers))
    }

    const ALONE: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7"];
    const PAIRS: &[&str] = &["0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"];
    /// Two cores with two threads each, four with one.
    const HYBRID: &[&str] = &["0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7"];

    /// A machine, the processors that may be used, and what is chosen.
    type Case = (Machine, &'static [usize], Option<(usize, Chosen)>);

    #[test]
    fn the_table_of_machines() {
        use Chosen::{Performance, Physical};
        let machine = |what, siblings, numbers, kinds| Machine { what, siblings, numbers, kinds };
        let all: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7];
        let phone = || machine("a phone", ALONE, capacity(&[280, 280, 280, 280, 850, 850, 850, 1024]), None);
        let intel = || machine("by kind", HYBRID, None, Some(("0-3", "4-7")));
        #[rustfmt::skip]
        let table: &[Case] = &[
            (machine("a thread to a core", ALONE, None, None), all, Some((8, Physical))),
            (machine("two threads to a core", PAIRS, None, None), all, Some((4, Physical))),
            (machine("one of each pair may be used", PAIRS, None, None), &[0, 4, 5], Some((2, Physical))),
            (machine("all are equally fast", PAIRS, capacity(&[1024; 8]), None), all, Some((4, Physical))),
            (machine("some reach a little more", ALONE, frequency(&[5700, 5700, 5500, 5500, 5400, 5400, 5400, 5400]), None), all, Some((8, Physical))),
            (phone(), all, Some((4, Performance))),
            (phone(), &[0, 1, 2, 3], Some((4, Physical))),
            (phone(), &[3, 7], Some((1, Performance))),
            (intel(), all, Some((2, Performance))),
            (intel(), &[1, 3, 4, 5], Some((2, Performance))),
            (intel(), &[4, 5, 6, 7], Some((4, Physical))),
            (machine("a kind that says more than numbers", HYBRID, capacity(&[1024; 8]), Some(("0-3", "4-7"))), all, Some((2, Performance))),
            (machine("by capacity", HYBRID, capacity(&[1024, 1024, 1024, 1024, 660, 660, 660, 660]), None), all, Some((2, Performance))),
            (machine("by frequency", HYBRID, frequency(&[5200, 5200, 5200, 5200, 3900, 3900, 3900, 3900]), None), all, Some((2, Performance))),
            (machine("numbers of some only", ALONE, capacity(&[1024, 300]), None), all, Some((8, Physical))),
            (machine("numbers that are none", ALONE, frequency(&[0; 8]), None), all, Some((8, Physical))),
            (machine("kinds that name nobody", ALONE, None, Some(("", ""))), all, Some((8, Physical))),
            (machine("a processor without a core", &["0", "1"], None, None), all, None),
            (machine("nothing is told", &[], None, None), all, None),
            (machine("no processor", ALONE, None, None), &[], None),
        ];
        for (machine, processors, expected) in table {
            let found = cores(processors, &|path| read(machine, path));
            assert_eq!(found, *expected, "{}, {processors:?}", machine.what);
        }
    }

    #[test]
    fn lists_of_processors() {
        for (list, numbers) in [
            ("0", &[0][..]),
            ("0-2,5", &[0, 1, 2, 5]),
            ("3-3\n", &[3]),
            ("", &[]),
            ("x-2", &[]),
            ("4-2", &[]),
        ] {
            let named: Vec<usize> = (0..8).filter(|cpu| is_in(list, *cpu)).collect();
            assert_eq!(named, numbers, "{list:?}");
        }
    }
}
