//! Linker flags of the shared library; the soname comes with `scripts/install.sh`, which also makes the link
//! of that name.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let elf = std::env::var_os("CARGO_CFG_TARGET_OS")
        .is_some_and(|os| ["linux", "android", "freebsd", "netbsd", "openbsd"].iter().any(|elf| os == *elf));
    if elf {
        // Rust's thread-locals cannot be unmapped soundly: dlclose leaves the code where it is.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // No symbol of a static library linked into this one is anybody else's; our own calls bind to
        // ourselves.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
    }
}
