# The end is delivered as soon as it is there, though text waits in the channel.
replace src/stream/reader.rs '        if let Some(head) = self.head.take() {' \
  '        if let Some(end) = &end {
            self.ended = true;
            return self.deliver(shared, end.time, EventKind::End(end.what.clone()));
        }
        if let Some(head) = self.head.take() {'
