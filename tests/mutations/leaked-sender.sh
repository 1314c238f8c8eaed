# The end is the closing of the channel, and a sender lives on with every handle for notes.
replace src/stream/reader.rs '        match end {' '        match end.filter(|_| self.events.is_closed()) {'
replace src/stream/producer.rs '        self.events.close();' ''
replace src/stream/producer.rs 'Control { shared: self.shared.clone() }' '{
            std::mem::forget(self.events.clone());
            Control { shared: self.shared.clone() }
        }'
