"""Where a guest runs, and which kernel walls stand around a worker process."""

from __future__ import annotations

from typing import Literal, TypeAlias

Isolation: TypeAlias = Literal["thread", "worker"]
"""`thread`: in Hatchway's own process, held by WebAssembly alone. `worker`: in a process that has
given up everything the tool was not granted, so that the kernel holds what WebAssembly lets go."""

Layer: TypeAlias = Literal["landlock", "seccomp", "namespaces", "limits"]
"""A wall of the kernel's around a worker.

`landlock`: files by directory, TCP by port, signals and abstract sockets by scope. `seccomp`: a
list of system calls. `namespaces`: users, mounts, network, processes and IPC of its own, and no
capability in any. `limits`: memory, files, descriptors and processes.
"""

WorkerEnd: TypeAlias = Literal["crashed", "hung", "misspoke", "unready"]
"""How a worker ends that nobody sent away.

`crashed`: by a signal, or with an exit of its own. `hung`: it was killed, because it did not answer
in time. `misspoke`: it was killed for saying what no worker says. `unready`: it never was ready.
"""

LAYERS: tuple[Layer, ...] = ("landlock", "seccomp", "namespaces", "limits")
"""All of them, in the order in which the documentation lists them."""

PATIENCE_SECONDS = 10.0
"""How long a call waits for a worker, at least: its guest's time begins when it has one."""
LATE_SECONDS = 1.0
"""How much longer than its guest a worker may take; a sound one needs a fraction of it."""
