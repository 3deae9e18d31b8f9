"""WASI preview 1 for core modules without file grants: default-deny by construction.

Standard streams, arguments, environment, clocks, random bytes, exit and waiting are
served here from the run's `Guest`. Descriptor 3 is an empty, read-only root directory: it
makes libc start and hand us the paths a program tries to open, and every one of them is
answered with ENOTCAPABLE and recorded. There is no other file, no socket and no process.

Every pointer and length comes from the guest and is checked against the current size of
its memory before it is used; what does not fit is answered with EFAULT. The functions and
numbers are those of `wasi_snapshot_preview1` (WebAssembly/WASI, `phases/snapshot/docs.md`).

The bodies are in `functions`, what they may touch of a guest in `memory`, and how they are
attached to a linker in `binding`.
"""

MODULE = "wasi_snapshot_preview1"
