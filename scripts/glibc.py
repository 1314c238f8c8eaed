#!/usr/bin/env python3
"""The platform tag of a shared library, by auditwheel's rule: glibc.py LIBRARY prints manylinux_2_17_x86_64.

A library may take from glibc only what a release had, and no library beside glibc and libgcc: PEP 600. The
tag names the oldest glibc that has all of it, 2.17 at least. Needs binutils.
"""
import os
import re
import subprocess
import sys

# Of PEP 600's list those that wick may need.
ALLOWED = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1"}
LOADER = re.compile(r"ld-linux[-\w]*\.so\.\d")
# The newest of libgcc that a release as old as that is sure to have.
LIBGCC = (4, 8)


def readelf(option, path):
    return subprocess.run(["readelf", "--wide", option, path], capture_output=True, text=True, check=True).stdout


def main(path):
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic", path))
    others = [name for name in needed if name not in ALLOWED and not LOADER.fullmatch(name)]
    if others:
        sys.exit(f"{path} needs {', '.join(others)}, which a wheel may not take from the system")
    versions = readelf("--version-info", path)
    libgcc = [tuple(map(int, one.split("."))) for one in re.findall(r"Name: GCC_([\d.]+)", versions)]
    if any(version > LIBGCC for version in libgcc):
        sys.exit(f"{path} needs libgcc {max(libgcc)}, and {LIBGCC} is what old systems have")
    if re.search(r"Name: GLIBC_(PRIVATE|ABI)", versions):
        sys.exit(f"{path} needs what is glibc's own, or its newest loader")
    glibc = [tuple(map(int, one.split("."))) for one in re.findall(r"Name: GLIBC_([\d.]+)", versions)]
    major, minor, *_ = max(glibc + [(2, 17)])
    print(f"manylinux_{major}_{minor}_{os.uname().machine}")


main(sys.argv[1])
