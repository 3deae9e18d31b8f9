"""The directories that a policy grants: opened, or refused with a reason."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.capability import FileAccess
from hatchway.core.errors import ConfigError
from hatchway.engine.files.host.beneath import is_available
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.runtime.directories import GrantedDirectories, refused_directories
from hatchway.runtime.project import Project, sidecar_of
from hatchway.runtime.protected import Protected, protected
from hatchway.runtime.secrets import secret_files
from hatchway.runtime.settings import Directories, home_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatchway.core.capability import Capability


@dataclass(frozen=True, kw_only=True)
class Granting:
    """Opens the directories of policies, as far as nothing speaks against it.

    Attributes:
        own: Hatchway's own directories, which no tool gets.
        project: Whose policy, lock and artifacts no tool gets to write.
    """

    own: Directories
    project: Project

    def opened(
        self, policy: Policy, *, named: Policy | None = None
    ) -> tuple[Policy, Mapping[str, ConfigError], GrantedDirectories]:
        """`policy` with its directories, what is wrong with some by tool, and what closes them.

        Args:
            policy: What grants them.
            named: The policy whose artifacts and secrets are protected; by default the one in
                the project's file.
        """
        opened = GrantedDirectories(policy, self.protected(self.project, named))
        failures = dict(opened.failures)
        if not is_available():
            message = "this system cannot keep a tool inside a directory: it has no openat2"
            missing = ConfigError(message, code="config.unsupported", hint="hatchway doctor")
            failures |= {name: missing for name, entry in policy.tools.items() if _files(entry)}
        return replace(policy, directories=opened.descriptors), failures, opened

    def all_opened(self, policy: Policy) -> Policy:
        """`policy` with its directories, which stay open as long as the process.

        Raises:
            ConfigError: One of them cannot be granted.
        """
        policy, failures, _ = self.opened(policy)
        for failure in failures.values():
            raise failure
        return policy

    def require_grantable(self, capabilities: Iterable[Capability]) -> None:
        """Refuse directories that may not be granted, before anything is written down.

        Raises:
            ConfigError: Naming the first, and why.
        """
        entry = ToolPolicy(name="asked", source="", allow=tuple(capabilities))
        asked = Policy(tools={"asked": entry})
        checked = GrantedDirectories(asked, self.protected(self.project))
        try:
            for failure in checked.failures.values():
                raise failure
        finally:
            checked.close()

    def refused(self, project: Project, policy: Policy) -> Mapping[FileAccess, str]:
        """The directories of a project's policy that the host would not grant, and why."""
        return refused_directories(policy, self.protected(project))

    def protected(self, project: Project, policy: Policy | None = None) -> Protected:
        """What no tool of `project` may be granted, or not for writing."""
        files, secrets = [project.policy_file, project.lock_file], frozenset[Path]()
        with contextlib.suppress(ConfigError):  # a broken policy is complained about elsewhere
            named = project.policy() if policy is None else policy
            sources = [project.base / entry.source for entry in named.tools.values()]
            files += [*sources, *map(sidecar_of, sources)]
            if named.route.authorities is not None:
                files.append(Path(named.route.authorities))
            secrets = secret_files(named)
        return protected(self.own, home_directory(), files, secrets)


def _files(entry: ToolPolicy) -> bool:
    return any(isinstance(capability, FileAccess) for capability in entry.allow)
