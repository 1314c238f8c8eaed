# An error turns into a normal end.
replace src/stream/shared.rs '            let side = lock(&self.side);
            end.stats' '            let side = lock(&self.side);
            if end.reason == EndReason::Error {
                end = End::new(EndReason::Stop);
            }
            end.stats'
