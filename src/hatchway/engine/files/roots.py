"""What a guest sees at the top: its granted directories, its workspace, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.files.host.directory import HostDirectory
from hatchway.engine.files.nothing import NoFiles
from hatchway.engine.files.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.grant import Grant
    from hatchway.core.traces import Traces
    from hatchway.engine.files.nodes import Directory
    from hatchway.engine.files.quota import Quota


class Roots:
    """The directories of one run, under the names that the guest knows.

    Attributes:
        workspace: The call's private files; None without scratch space.
    """

    def __init__(
        self, grant: Grant, quotas: Mapping[int, Quota], traces: Traces, now_ns: Callable[[], int]
    ) -> None:
        """Look at nothing yet; what is looked at later is noted in `traces`."""
        self.workspace: Workspace | None = None
        self.directories: list[Directory] = [
            HostDirectory(
                granted.descriptor,
                granted.guest_path.encode(),
                is_writable=granted.is_writable,
                quota=quotas.get(granted.descriptor),
                traces=traces,
            )
            for granted in grant.directories
        ]
        if grant.workspace is not None:
            self.workspace = Workspace(grant.limits.scratch_bytes, now_ns)
            self.directories.append(self.workspace.root(grant.workspace.encode()))
        if all(directory.guest_path != b"/" for directory in self.directories):
            self.directories.append(NoFiles())
