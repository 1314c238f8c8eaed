//! How much of the time a runtime computes: when the engine rests between two slices. Reads clocks only where
//! there is a share to keep.

use crate::compute::cpu_time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A frame of 60 in a second: the share holds in each.
const WINDOW: Duration = Duration::from_micros(16_700);

/// The share of the time that is computed at most, in percent: 1 to 100. Shared by who sets it and who keeps
/// it.
#[derive(Debug, Clone)]
pub(super) struct Share {
    percent: Arc<AtomicU32>,
}

impl Share {
    /// `percent` 0 means 100.
    pub(super) fn new(percent: u32) -> Self {
        let share = Self { percent: Arc::default() };
        share.set(percent);
        share
    }

    /// From the next slice on.
    pub(super) fn set(&self, percent: u32) {
        let percent = if percent == 0 { 100 } else { percent.min(100) };
        self.percent.store(percent, Ordering::Relaxed);
    }

    /// The share, if it is not all of the time.
    pub(super) fn limited(&self) -> Option<u32> {
        Some(self.percent.load(Ordering::Relaxed)).filter(|percent| *percent < 100)
    }
}

/// What was computed in the window under way.
#[derive(Debug, Default)]
pub(super) struct Window {
    begun: Option<Instant>,
    spent: Duration,
}

impl Window {
    /// A slice was computed from `begun` to `now`, `computed` of it on the processor, at `percent`: until
    /// when to rest, if the window's share is used up. What a slice took beyond it is rested for too. While
    /// others had the processor nothing was computed: that is rest already.
    pub(super) fn rest_after(
        &mut self,
        begun: Instant,
        now: Instant,
        computed: Duration,
        percent: u32,
    ) -> Option<Instant> {
        let start = match self.begun {
            Some(start) if begun < start + WINDOW => start,
            _ => {
                self.spent = Duration::ZERO;
                begun
            }
        };
        self.begun = Some(start);
        self.spent += computed;
        if self.spent < WINDOW * percent / 100 {
            return None;
        }
        let whole = (self.spent * 100 / percent.max(1)).max(WINDOW);
        *self = Self::default();
        Some(start + whole).filter(|until| *until > now)
    }
}

/// When a step began, and what its thread had computed until then, if the system says that.
#[derive(Clone, Copy)]
struct Begun {
    at: Instant,
    computed: Option<Duration>,
}

/// The engine's rests.
pub(super) struct Pacer {
    share: Share,
    window: Window,
    begun: Option<Begun>,
    until: Option<Instant>,
    /// The share that `until` was reckoned by.
    percent: Option<u32>,
}

impl Pacer {
    pub(super) fn new(share: Share) -> Self {
        Self { share, window: Window::default(), begun: None, until: None, percent: None }
    }

    /// Whether the next step may not compute; if it may, it begins.
    pub(super) fn rests(&mut self) -> bool {
        let percent = self.share.limited();
        let now = percent.map(|_| Instant::now());
        // Another share ends the rest under way.
        let rests = percent == self.percent && now.zip(self.until).is_some_and(|(now, until)| now < until);
        if !rests {
            self.begun = now.map(|at| Begun { at, computed: cpu_time::of_thread() });
            (self.until, self.percent) = (None, percent);
        }
        rests
    }

    /// The step that began has computed.
    pub(super) fn worked(&mut self) {
        if let Some((begun, percent)) = self.begun.take().zip(self.share.limited()) {
            let now = Instant::now();
            // The other threads that compute do about as much as this one, which waits for them.
            let computed = cpu_time::of_thread().zip(begun.computed).map(|(now, before)| now - before);
            let computed = computed.unwrap_or_else(|| now.saturating_duration_since(begun.at));
            self.until = self.window.rest_after(begun.at, now, computed, percent);
        }
    }

    /// When the engine may compute again or has to look at something, whichever is first.
    pub(super) fn until(&self, due: Option<Instant>) -> Option<Instant> {
        self.until.into_iter().chain(due).min()
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    /// The part of the time, in percent, that slices of `slice` microseconds compute one after the other,
    /// each of which takes `others` times as long again, since others have the processor meanwhile.
    fn share(percent: u32, slice: u64, others: u32) -> f64 {
        let start = Instant::now();
        let slice = Duration::from_micros(slice);
        let (mut now, mut computed, mut window) = (start, Duration::ZERO, Window::default());
        while computed < Duration::from_secs(5) {
            let begun = now;
            now += slice * (1 + others);
            computed += slice;
            now = window.rest_after(begun, now, slice, percent).unwrap_or(now);
        }
        computed.as_secs_f64() / (now - start).as_secs_f64() * 100.0
    }

    #[test]
    fn the_share_holds_whatever_slices_take() {
        for percent in [1, 10, 33, 50, 75, 99] {
            for slice in [50, 1000, 3000, 20_000] {
                let (share, percent) = (share(percent, slice, 0), f64::from(percent));
                assert!(
                    (percent * 0.98..percent * 1.02).contains(&share),
                    "{share} of {percent}, {slice} us"
                );
            }
        }
    }

    #[test]
    fn time_in_which_others_have_the_processor_is_rest_already() {
        for (percent, others) in [(10, 1), (25, 2), (45, 1), (50, 1), (75, 1), (99, 3)] {
            for slice in [50, 1000] {
                let (share, left) = (share(percent, slice, others), 100.0 / f64::from(1 + others));
                let wanted = f64::from(percent).min(left);
                assert!((wanted * 0.9..wanted * 1.02).contains(&share), "{share} of {wanted}, {slice} us");
            }
        }
    }

    #[test]
    fn a_window_begins_with_its_first_slice() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut window = Window::default();
        let mut window = |begun, now| window.rest_after(begun, now, now - begun, 50);
        assert_eq!(window(start, start + ms(5)), None);
        // Long after: what was computed before does not count.
        let later = start + ms(100);
        assert_eq!(window(later, later + ms(5)), None);
        assert_eq!(window(later + ms(5), later + ms(9)), Some(later + ms(18)));
        let next = later + ms(18);
        assert_eq!(window(next, next + ms(8)), None);
        assert_eq!(window(next + ms(8), next + ms(16)), Some(next + ms(32)));
    }

    #[test]
    fn nothing_and_everything_are_no_limit() {
        for percent in [0, 100, 200] {
            assert_eq!(Share::new(percent).limited(), None);
        }
        let share = Share::new(30);
        assert_eq!(share.limited(), Some(30));
        share.set(0);
        assert_eq!(share.limited(), None);
    }
}
