//! A scheduler that mostly stays where it is: it finds what needs a thread to do much in a row, and to be
//! stopped at one point more than once.

use shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task, TaskId};

/// Leaves a thread that could go on in one of 2, 4, 8, 16 or 32 steps, whichever the schedule has drawn; then
/// any thread may come.
pub struct LazyScheduler {
    random: RandomScheduler,
    /// Marsaglia, Xorshift RNGs (2003).
    state: u64,
    leaves: u64,
}

impl LazyScheduler {
    pub fn new_from_seed(seed: u64, schedules: usize) -> Self {
        Self { random: RandomScheduler::new_from_seed(seed, schedules), state: seed | 1, leaves: 2 }
    }

    fn draw(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }
}

impl Scheduler for LazyScheduler {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.leaves = 2 << (self.draw() % 5);
        self.random.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let stays = !is_yielding && !self.draw().is_multiple_of(self.leaves);
        match current.filter(|current| stays && runnable.iter().any(|task| task.id() == *current)) {
            Some(current) => Some(current),
            None => self.random.next_task(runnable, current, is_yielding),
        }
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}
