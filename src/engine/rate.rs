//! How fast a generation may give its tokens: when the next one may be computed. Knows no engine and no
//! clock.

use std::time::{Duration, Instant};

/// The times of one generation's tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// From one to the next; zero: as fast as it goes.
    interval: Duration,
    /// When the next one may be computed.
    due: Option<Instant>,
}

impl Rate {
    /// `per_second` 0: as fast as it goes.
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        Self { interval, due: None }
    }

    /// A token was given at `now`. What is late by less than an interval is made up for, so that the rate is
    /// kept whatever a pass takes; of what is late by more one token, so that no burst follows a pause.
    pub(super) fn give(&mut self, now: Instant) {
        if !self.interval.is_zero() {
            self.due = match self.due {
                Some(due) => due.checked_add(self.interval).map(|due| due.max(now)),
                None => now.checked_add(self.interval),
            };
        }
    }

    /// When the next token may be computed, if that is later than `now`.
    pub(super) fn later(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Times of `count` tokens since the first, of passes that take `pass` each; `pauses`: before a token of
    /// that number nobody reads for so long.
    fn times(per_second: u32, pass: Duration, count: usize, pauses: &[(usize, Duration)]) -> Vec<Duration> {
        let begun = Instant::now();
        let (mut rate, mut now, mut times) = (Rate::new(per_second), begun, vec![Duration::ZERO]);
        rate.give(now);
        for token in 1..count {
            let paused = pauses.iter().find(|(at, _)| *at == token).map_or(Duration::ZERO, |(_, time)| *time);
            now = rate.later(now).unwrap_or(now).max(now + paused) + pass;
            rate.give(now);
            times.push(now - begun);
        }
        times
    }

    #[test]
    fn s46_the_rate_is_kept_whatever_a_pass_takes() {
        for per_second in [1, 7, 15, 50, 1000] {
            let interval = Duration::from_secs(1) / per_second;
            for pass in [Duration::ZERO, interval / 3, interval * 9 / 10] {
                for (token, time) in times(per_second, pass, 200, &[]).into_iter().enumerate().skip(1) {
                    assert_eq!(time, interval * token as u32 + pass, "{per_second}/s, {pass:?}");
                }
            }
            // Who is slower is not slowed.
            let times = times(per_second, interval * 2, 50, &[]);
            assert_eq!(times[49] - times[1], interval * 2 * 48);
        }
    }

    #[test]
    fn s46_no_burst_follows_a_pause() {
        let times = times(10, MS(5), 30, &[(10, MS(30_000)), (20, MS(110))]);
        for (token, pair) in times.windows(2).enumerate() {
            // What was late by more than an interval is one token.
            let least = if [10, 20].contains(&token) { MS(5) } else { MS(95) };
            assert!(pair[1] - pair[0] >= least, "{token}: {times:?}");
        }
        assert!(times[10] >= MS(30_000));
        // A short one is made up for.
        assert_eq!(times[29] - times[11], MS(1800));
    }

    #[test]
    fn s46_no_rate_and_one_beyond_the_clock_wait_for_nothing() {
        for per_second in [0, u32::MAX] {
            let (mut rate, now) = (Rate::new(per_second), Instant::now());
            (0..3).for_each(|_| rate.give(now));
            assert_eq!(rate.later(now), None);
        }
    }
}
