//! The state of floating-point arithmetic: wick's own, and the host's, which callbacks run in. Knows
//! registers; not what is computed.
//!
//! A host may round upwards, flush subnormal numbers to zero, or have exceptions trapped; a new thread
//! inherits that (`fenv.h`). wick rounds to nearest, keeps subnormal numbers and traps nothing wherever it
//! computes, so its bits are the same in every host.

use registers::Registers;
use std::cell::Cell;

thread_local! {
    /// The host's state, while this thread is inside wick.
    static HOST: Cell<Option<Registers>> = const { Cell::new(None) };
}

/// Runs `work` in wick's state. The host's is put back afterwards, with the exception flags that it had.
pub(crate) fn own<T>(work: impl FnOnce() -> T) -> T {
    if HOST.get().is_some() {
        return work();
    }
    let host = registers::read();
    HOST.set(Some(host));
    // Most hosts are in the same state: reading it costs less than writing it. What flags are up is not
    // looked at inside.
    if !host.computes_as(registers::OWN) {
        registers::write(registers::OWN);
    }
    let _back = ToHost;
    apart(work)
}

/// Runs `work`, which is the host's, in the host's state; what it leaves there is what the host gets back.
pub(crate) fn lend<T>(work: impl FnOnce() -> T) -> T {
    let Some(host) = HOST.take() else { return work() };
    registers::write(host);
    let _back = ToOwn;
    apart(work)
}

/// Gives this thread, which is wick's, wick's state for good. Callbacks on it begin in the same: what a
/// program starts with.
pub(super) fn adopt_thread() {
    registers::write(registers::OWN);
    HOST.set(Some(registers::OWN));
}

/// Never inlined, so that no arithmetic of `work` is done before or after the registers are changed.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Back to the host's state, also after a panic.
struct ToHost;

impl Drop for ToHost {
    fn drop(&mut self) {
        if let Some(host) = HOST.take().filter(|host| registers::read() != *host) {
            registers::write(host);
        }
    }
}

/// Back to wick's state, also after a panic.
struct ToOwn;

impl Drop for ToOwn {
    fn drop(&mut self) {
        HOST.set(Some(registers::read()));
        registers::write(registers::OWN);
    }
}

/// MXCSR: Intel's manual, volume 1, section 10.2.3. The x87 unit, which has a state of its own, computes
/// nothing here.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod registers {
    use std::arch::asm;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Registers(u32);

    /// Rounds to nearest, keeps subnormal numbers, traps nothing, no flag raised.
    pub(super) const OWN: Registers = Registers(0x1F80);

    impl Registers {
        /// Whether the two differ in no more than the flags that were raised.
        pub(super) fn computes_as(self, other: Self) -> bool {
            (self.0 ^ other.0) & !0x3F == 0
        }
    }

    pub(super) fn read() -> Registers {
        let mut mxcsr = 0;
        // SAFETY: writes MXCSR to the variable.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack, preserves_flags)) };
        Registers(mxcsr)
    }

    pub(super) fn write(registers: Registers) {
        // SAFETY: reads MXCSR from the variable: a value that was read, or OWN, which has no reserved bit. No
        // arithmetic that is meant for another state is near: callers see to that.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const registers.0, options(nostack, preserves_flags)) };
    }

    #[cfg(test)]
    pub(super) fn of(bits: u64) -> Registers {
        Registers(bits as u32)
    }

    /// Rounds upwards, flushes to zero, all flags raised.
    #[cfg(test)]
    pub(super) const ODD: u64 = 0xDFFF;
}

/// FPCR and FPSR: Arm's architecture manual, sections C5.2.8 and C5.2.10.
#[cfg(all(target_arch = "aarch64", not(miri)))]
mod registers {
    use std::arch::asm;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Registers {
        control: u64,
        status: u64,
    }

    /// Rounds to nearest, keeps subnormal numbers, traps nothing, no flag raised.
    pub(super) const OWN: Registers = Registers { control: 0, status: 0 };

    impl Registers {
        /// Whether the two differ in no more than the flags that were raised.
        pub(super) fn computes_as(self, other: Self) -> bool {
            self.control == other.control
        }
    }

    pub(super) fn read() -> Registers {
        let (control, status): (u64, u64);
        // SAFETY: reads two registers that every program may read.
        unsafe {
            asm!("mrs {}, fpcr", "mrs {}, fpsr", out(reg) control, out(reg) status, options(nostack, preserves_flags));
        }
        Registers { control, status }
    }

    pub(super) fn write(registers: Registers) {
        // SAFETY: writes what was read, or zeros. No arithmetic that is meant for another state is near:
        // callers see to that.
        unsafe {
            asm!("msr fpcr, {}", "msr fpsr, {}", in(reg) registers.control, in(reg) registers.status,
                options(nostack, preserves_flags));
        }
    }

    #[cfg(test)]
    pub(super) fn of(bits: u64) -> Registers {
        Registers { control: bits, status: 0x10 }
    }

    /// Rounds upwards, flushes to zero.
    #[cfg(test)]
    pub(super) const ODD: u64 = 1 << 22 | 1 << 24;
}

/// Others: as the host has it.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod registers {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Registers;

    pub(super) const OWN: Registers = Registers;

    impl Registers {
        pub(super) fn computes_as(self, _: Self) -> bool {
            true
        }
    }

    pub(super) fn read() -> Registers {
        Registers
    }

    pub(super) fn write(_: Registers) {}

    #[cfg(test)]
    pub(super) fn of(_: u64) -> Registers {
        Registers
    }

    #[cfg(test)]
    pub(super) const ODD: u64 = 0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use registers::{ODD, OWN, of, read, write};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// What the thread is in: the whole state.
    fn sees(wanted: Registers, what: &str) {
        assert_eq!(read(), wanted, "{what}");
    }

    #[test]
    fn the_hosts_state_is_back_in_callbacks_and_after_calls_also_after_panics() {
        let host = of(ODD);
        write(host);
        own(|| {
            sees(OWN, "inside");
            lend(|| {
                sees(host, "in a callback");
                own(|| sees(OWN, "in a call out of a callback"));
                sees(host, "in a callback after that");
                lend(|| sees(host, "in a callback of a callback"));
            });
            sees(OWN, "inside after a callback");
            own(|| sees(OWN, "in a call out of a call"));
            sees(OWN, "inside after that");
            let panicked = catch_unwind(AssertUnwindSafe(|| lend(|| panic!("in a callback"))));
            assert!(panicked.is_err());
            sees(OWN, "after a callback's panic");
        });
        sees(host, "after a call");
        assert!(catch_unwind(|| own(|| panic!("in a call"))).is_err());
        sees(host, "after a call's panic");
        // What a callback changes is the host's own doing, and stays.
        own(|| lend(|| write(OWN)));
        sees(OWN, "after a callback that changed it");
    }

    #[test]
    fn a_thread_of_wick_does_not_inherit_its_makers_state() {
        write(of(ODD));
        let thread = std::thread::Builder::new().spawn(|| {
            adopt_thread();
            sees(OWN, "on the thread");
            lend(|| {
                sees(OWN, "in its first callback");
                write(of(ODD));
            });
            sees(OWN, "after a callback that changed it");
            lend(|| sees(of(ODD), "in the next callback"));
        });
        thread.expect("a thread").join().expect("as it should be");
        write(OWN);
    }
}
