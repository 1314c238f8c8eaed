#!/bin/sh
# As RUSTC_WORKSPACE_WRAPPER: lets the stable compiler take unstable flags for our own crate. RUSTC_BOOTSTRAP
# for all would build anew what depends on it.
RUSTC_BOOTSTRAP=1 exec "$@"
