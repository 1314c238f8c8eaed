//! How much of the time a runtime computes: when the engine rests between two slices. Reads the clock only
//! where there is a share to keep.

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
    /// A slice was computed from `begun` to `now`, at `percent`: until when to rest, if the window's share is
    /// used up. What a slice took beyond it is rested for too.
    pub(super) fn rest_after(&mut self, begun: Instant, now: Instant, percent: u32) -> Option<Instant> {
        let start = match self.begun {
            Some(start) if begun < start + WINDOW => start,
            _ => {
                self.spent = Duration::ZERO;
                begun
            }
        };
        self.begun = Some(start);
        self.spent += now.saturating_duration_since(begun);
        if self.spent < WINDOW * percent / 100 {
            return None;
        }
        let whole = (self.spent * 100 / percent.max(1)).max(WINDOW);
        *self = Self::default();
        Some(start + whole).filter(|until| *until > now)
    }
}

/// The engine's rests.
pub(super) struct Pacer {
    share: Share,
    window: Window,
    begun: Option<Instant>,
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
            (self.begun, self.until, self.percent) = (now, None, percent);
        }
        rests
    }

    /// The step that began has computed.
    pub(super) fn worked(&mut self) {
        if let Some((begun, percent)) = self.begun.take().zip(self.share.limited()) {
            self.until = self.window.rest_after(begun, Instant::now(), percent);
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

    /// Milliseconds computed and in all, of slices of `slice` microseconds one after the other.
    fn run(percent: u32, slice: u64, slices: u64) -> (Duration, Duration) {
        let start = Instant::now();
        let (mut now, mut computed, mut window) = (start, Duration::ZERO, Window::default());
        for _ in 0..slices {
            let begun = now;
            now += Duration::from_micros(slice);
            computed += Duration::from_micros(slice);
            now = window.rest_after(begun, now, percent).unwrap_or(now);
        }
        (computed, now - start)
    }

    #[test]
    fn the_share_holds_whatever_slices_take() {
        for percent in [1, 10, 33, 50, 75, 99] {
            for slice in [50, 1000, 3000, 20_000] {
                let (computed, whole) = run(percent, slice, (2_000_000 / slice).max(1000));
                let share = computed.as_secs_f64() / whole.as_secs_f64() * 100.0;
                let percent = f64::from(percent);
                assert!(share <= percent * 1.02, "{share} of {percent} with {slice} us");
                // A slice more than the share is rested for; one less is not made up for.
                assert!(share >= percent * 0.5, "{share} of {percent} with {slice} us");
            }
        }
    }

    #[test]
    fn a_window_begins_with_its_first_slice() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut window = Window::default();
        assert_eq!(window.rest_after(start, start + ms(5), 50), None);
        // Long after: what was computed before does not count.
        let later = start + ms(100);
        assert_eq!(window.rest_after(later, later + ms(5), 50), None);
        assert_eq!(window.rest_after(later + ms(5), later + ms(9), 50), Some(later + ms(18)));
        let next = later + ms(18);
        assert_eq!(window.rest_after(next, next + ms(8), 50), None);
        assert_eq!(window.rest_after(next + ms(8), next + ms(16), 50), Some(next + ms(32)));
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
