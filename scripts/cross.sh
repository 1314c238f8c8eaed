# Sourced by the scripts that test for another system: what they share. `what` says what such a script checks.

least=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

left_out() { echo "left out: $what ($*)"; exit 0; }

# The first compiler that is new enough and has the standard library for a target.
compiler() { # target
  local rustc version
  for rustc in rustc /usr/bin/rustc; do
    version=$("$rustc" --version 2>/dev/null | cut -d' ' -f2) || continue
    [ "$(printf '%s\n' "$least" "$version" | sort -V | head -1)" = "$least" ] || continue
    compgen -G "$("$rustc" --print target-libdir --target "$1")/libstd-*.rlib" >/dev/null || continue
    echo "$rustc"
    return
  done
}
