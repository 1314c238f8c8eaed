//! Which channel the bytes of a stream's text belong to. Knows neither ids nor what channels mean.

use crate::stream::Channel;
use std::collections::VecDeque;

/// Where channels begin, of text that is on its way.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// Of what comes out next.
    now: Channel,
    /// Places, in bytes of text fed so far, from which on another channel is meant: ascending.
    changes: VecDeque<(usize, Channel)>,
    /// Bytes on their way so far, and those that are out.
    fed: usize,
    given: usize,
}

impl Channels {
    /// So many bytes of `channel` are on their way.
    pub(super) fn feed(&mut self, channel: Channel, bytes: usize) {
        let last = self.changes.back().map_or(self.now, |(_, last)| *last);
        if last != channel && bytes > 0 {
            if self.fed == self.given && self.changes.is_empty() {
                self.now = channel;
            } else {
                self.changes.push_back((self.fed, channel));
            }
        }
        self.fed += bytes;
    }

    /// The channel of the next byte.
    pub(super) fn now(&self) -> Channel {
        self.now
    }

    /// How many of the next `bytes` bytes are of the channel that is now.
    pub(super) fn ahead(&self, bytes: usize) -> usize {
        self.changes.front().map_or(bytes, |(at, _)| bytes.min(at - self.given))
    }

    /// So many bytes are out. The channel that is now may be another then.
    pub(super) fn give(&mut self, bytes: usize) {
        self.given += bytes;
        while let Some((at, channel)) = self.changes.front().copied()
            && at <= self.given
        {
            self.now = channel;
            self.changes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_channel_that_they_were_fed_with() {
        let mut channels = Channels::default();
        channels.feed(Channel::Reasoning, 3);
        channels.feed(Channel::Answer, 0);
        channels.feed(Channel::Answer, 2);
        channels.feed(Channel::Tool, 4);
        assert_eq!((channels.now(), channels.ahead(2), channels.ahead(9)), (Channel::Reasoning, 2, 3));
        channels.give(2);
        assert_eq!((channels.now(), channels.ahead(9)), (Channel::Reasoning, 1));
        channels.give(1);
        assert_eq!((channels.now(), channels.ahead(9)), (Channel::Answer, 2));
        channels.give(2);
        assert_eq!((channels.now(), channels.ahead(9)), (Channel::Tool, 9));
    }
}
