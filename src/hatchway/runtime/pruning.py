"""Which stored artifacts somebody still needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.policy.document import FILE_NAME
from hatchway.runtime.previous import digests_to_keep
from hatchway.runtime.project import Project
from hatchway.runtime.trust import TrustedProjects

if TYPE_CHECKING:
    from hatchway.runtime.settings import Directories


def pinned_anywhere(own: Directories, present: Project) -> frozenset[str]:
    """The digest of every artifact that a lockfile of this user pins, or can go back to.

    Looked at are the user's own lockfile, that of the policy in force here, and those of all
    projects that were ever trusted, whatever state they are in. A project that is gone pins
    nothing.

    Raises:
        ConfigError: One of them cannot be read; then nothing may be removed.
    """
    trusted = TrustedProjects(own.trusted_projects)
    policies = {own.config / FILE_NAME, present.policy_file, *trusted.policies()}
    projects = (
        Project(policy_file=policy, is_own=False, trusted=trusted) for policy in sorted(policies)
    )
    pinned = {tool.digest for project in projects for tool in project.lock().tools.values()}
    return digests_to_keep(own.previous_pins) | pinned
