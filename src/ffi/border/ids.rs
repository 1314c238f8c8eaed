//! The handles: what C holds of an object. Knows no object.

/// A runtime's handle; id 0 is none. Several live side by side in a process.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_runtime {
    /// The handle.
    pub id: u64,
}

/// A queue's handle; id 0 is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_queue {
    /// The handle.
    pub id: u64,
}

/// A model's handle; id 0 is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_model {
    /// The handle.
    pub id: u64,
}

/// A session's handle; id 0 is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_session {
    /// The handle.
    pub id: u64,
}

/// A stream's handle; id 0 is none. Every stream yields STARTED? (PROGRESS|TEXT|NOTE|TOOL_CALL)* END: exactly
/// one END, always last, whatever happens, unless the host closes the stream or its queue first. Every stream
/// handed out has to be closed, also after END.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_stream {
    /// The handle.
    pub id: u64,
}

/// An adapter's handle; id 0 is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wick_adapter {
    /// The handle.
    pub id: u64,
}
