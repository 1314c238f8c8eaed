# An error turns into a normal end.
replace src/stream/shared.rs '            let _side = lock(&self.side);
            end.stats' '            let _side = lock(&self.side);
            if end.reason == EndReason::Error {
                end = End::new(EndReason::Stop);
            }
            end.stats'
