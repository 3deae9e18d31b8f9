"""The composition root: builds the objects and hands them to each other."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import hatchway
from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.core.call import Principal, ToolCall
from hatchway.core.capability import EnvironmentVariable, FileAccess
from hatchway.core.errors import ConfigError, HatchwayError
from hatchway.core.events import Event, Severity
from hatchway.core.untrusted import harmless
from hatchway.engine.cache import CompiledCache
from hatchway.engine.files.host import is_available
from hatchway.engine.sandbox import EngineSandbox
from hatchway.policy.document import LOCAL_TENANT, Policy, ToolPolicy
from hatchway.registry.source import read_source
from hatchway.registry.store import ArtifactStore, digest_of
from hatchway.runtime.admission import Admission, require_agreement, require_hostable
from hatchway.runtime.auditing import Auditor
from hatchway.runtime.catalog import Catalog, build_catalog, catalog_of
from hatchway.runtime.directories import (
    GrantedDirectories,
    Protected,
    protected,
    refused_directories,
)
from hatchway.runtime.drafting import draft
from hatchway.runtime.keeping import Keeper
from hatchway.runtime.overrides import lapsed
from hatchway.runtime.project import Found, Project, find_project
from hatchway.runtime.recording import now_ms
from hatchway.runtime.runtime import Runtime
from hatchway.runtime.settings import Directories, directories, home_directory
from hatchway.runtime.toolset import binary_safe, tools_of
from hatchway.telemetry.log import EventLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from hatchway.core.capability import Capability
    from hatchway.core.events import EventName
    from hatchway.core.limits import Limits
    from hatchway.core.surface import Compiler, Surface
    from hatchway.core.tool import Tool
    from hatchway.engine.settings import EngineSettings


@dataclass(frozen=True, kw_only=True)
class Application:
    """Everything one process of Hatchway works with. Parts are built when first needed.

    Attributes:
        directories: Where Hatchway keeps its own files.
        found: The policy in force, and those that were passed over.
        engine_settings: How guests are run; None for the defaults.
    """

    directories: Directories
    found: Found
    engine_settings: EngineSettings | None = None

    @property
    def project(self) -> Project:
        """The policy in force."""
        return self.found.project

    @cached_property
    def events(self) -> EventLog:
        """The event log."""
        return EventLog(self.directories.events, version=hatchway.__version__)

    @cached_property
    def store(self) -> ArtifactStore:
        """The artifacts on this machine."""
        return ArtifactStore(self.directories.artifacts)

    @cached_property
    def sandbox(self) -> EngineSandbox:
        """The engine."""
        cache = CompiledCache(self.directories.compiled, self.directories.compiled_key)
        return EngineSandbox(artifacts=self.store.get, cache=cache, settings=self.engine_settings)

    @cached_property
    def admission(self) -> Admission:
        """The slow path."""
        return Admission(self.store, self.sandbox)

    def policy(self) -> Policy:
        """The policy in force, with the host's values of the variables it inherits.

        Raises:
            ConfigError: It is not in force, or cannot be read.
        """
        self.project.require_in_force()
        return with_host_environment(self.project.policy())

    def with_directories(self, policy: Policy) -> tuple[Policy, Mapping[str, ConfigError]]:
        """`policy` with every directory it grants opened, and what is wrong with some, by tool.

        They stay open as long as the process: a call uses the directory that was checked.
        """
        opened = GrantedDirectories(policy, self._protected(self.project))
        failures = dict(opened.failures)
        if not self.can_grant_directories:
            message = "this system cannot keep a tool inside a directory: it has no openat2"
            missing = ConfigError(message, code="config.unsupported", hint="hatchway doctor")
            failures |= {name: missing for name, entry in policy.tools.items() if _files(entry)}
        return replace(policy, directories=opened.descriptors), failures

    @property
    def can_grant_directories(self) -> bool:
        """Whether this system can keep a guest inside a directory."""
        return is_available()

    def require_grantable(self, capabilities: Iterable[Capability]) -> None:
        """Refuse directories that may not be granted, before anything is written down.

        Raises:
            ConfigError: Naming the first, and why.
        """
        entry = ToolPolicy(name="asked", source="", allow=tuple(capabilities))
        asked = Policy(tools={"asked": entry})
        checked = GrantedDirectories(asked, self._protected(self.project))
        try:
            for failure in checked.failures.values():
                raise failure
        finally:
            checked.close()

    def _protected(self, project: Project) -> Protected:
        files = [project.policy_file, project.lock_file]
        with contextlib.suppress(ConfigError):  # a broken policy is complained about elsewhere
            files += project.sidecars()
            files += [project.base / entry.source for entry in project.policy().tools.values()]
        return protected(self.directories, home_directory(), files)

    def catalog(self) -> Catalog:
        """Everything that can be called under the policy in force.

        In the user's own configuration, a tool that the policy names and that was never
        admitted is admitted now: writing it there is the approval.
        """
        policy = self.policy()
        if self.project.is_own:
            self._admit_new(policy)
        policy, failures = self.with_directories(policy)
        lock = self.project.lock()
        failures = {**lapsed(policy, lock, today()), **failures}
        return build_catalog(policy, lock, self.sandbox.surface, failures)

    def runtime(self) -> Runtime:
        """A runtime over the catalog as it is now."""
        catalog = self.catalog()
        for item in catalog.quarantined:
            self.record(
                "tool.quarantined",
                Severity.MEDIUM,
                item.error.message,
                tool=item.name,
                code=item.error.code,
            )
        return Runtime(catalog, self.sandbox, self.events)

    def one_off(
        self,
        file: str,
        allow: list[Capability],
        limits: Limits,
        compiler: Compiler | None = None,
    ) -> tuple[Runtime, Mapping[str, Tool]]:
        """A runtime for one file that is admitted nowhere, and the tools it offers.

        Raises:
            HatchwayError: The file cannot be a tool.
        """
        artifact = read_source(file, base=Path.cwd(), limit_bytes=MAX_ARTIFACT_BYTES)
        digest = digest_of(artifact)
        surface = self._checked(artifact, digest, compiler)
        owner = "run"
        toolset = tools_of(owner, digest, surface, None)
        policy = with_host_environment(
            Policy(
                tools={
                    owner: ToolPolicy(
                        name=owner,
                        source=file,
                        allow=tuple(allow),
                        limits=limits,
                        compiler=compiler,
                    )
                },
                file="the command line",
            )
        )
        policy, failures = self.with_directories(policy)
        for failure in failures.values():
            raise failure
        tools = {tool.name: binary_safe(tool) for tool in toolset.tools}
        return Runtime(catalog_of(policy, tools), self.sandbox, self.events), tools

    def draft(self, source: str) -> str:
        """The text of a first manifest for a program that has none.

        It is run once, with `--help` and no grants.

        Raises:
            HatchwayError: It cannot be read or run, or is not a program.
        """
        artifact = read_source(source, base=Path.cwd(), limit_bytes=MAX_ARTIFACT_BYTES)
        digest = digest_of(artifact)
        surface = self._checked(artifact, digest, None)
        if not surface.is_command:
            message = "only programs need a draft: a component's functions describe themselves"
            raise ConfigError(message, code="config.no_draft")
        (tool,) = tools_of("draft", digest, surface, None).tools
        policy = Policy(tools={"draft": ToolPolicy(name="draft", source=source)})
        runtime = Runtime(catalog_of(policy, {tool.name: tool}), self.sandbox, self.events)
        outcome = runtime.call(
            ToolCall(
                call_id=runtime.new_call_id(),
                principal=Principal(tenant=LOCAL_TENANT, subject="operator", door="cli"),
                tool=tool.name,
                arguments={"args": ["--help"]},
            )
        )
        said = (outcome.stdout or outcome.stderr).decode("utf-8", "replace")
        return draft(Path(source).stem, surface, said)

    def _checked(self, artifact: bytes, digest: str, compiler: Compiler | None) -> Surface:
        found = read_artifact(artifact)
        require_hostable(found)
        surface = self.sandbox.prepare(artifact, digest, compiler)
        require_agreement(found, surface)
        return surface

    def _admit_new(self, policy: Policy) -> None:
        locked = self.project.lock().tools
        for name, entry in policy.tools.items():
            if name not in locked:
                # The catalog will say that it is not admitted, and the log why.
                with contextlib.suppress(HatchwayError):
                    self.keeper.admit(name, entry.source, [])

    @cached_property
    def keeper(self) -> Keeper:
        """What takes artifacts into the policy in force."""
        return Keeper(
            project=self.project,
            admission=self.admission,
            store=self.store,
            refused=self._refused,
            record=self.record,
            today=today,
        )

    def _refused(self, project: Project, policy: Policy) -> Mapping[FileAccess, str]:
        """The directories of a project's policy that the host would not grant, and why."""
        return refused_directories(policy, self._protected(project))

    def auditor(self, root: Path) -> Auditor:
        """Audits what is on this machine; reports name files relative to `root`."""
        return Auditor(
            store=self.store,
            trusted=self.project.trusted,
            refused=self._refused,
            today=today(),
            root=root,
        )

    def record(
        self,
        name: EventName,
        severity: Severity,
        message: str,
        *,
        tool: str | None = None,
        digest: str | None = None,
        code: str | None = None,
        capability: str | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        """Put something other than a call on record."""
        self.events.emit(
            Event(
                name=name,
                time_ms=now_ms(),
                severity=severity,
                message=harmless(message, limit=500),
                tool=tool,
                digest=digest,
                code=code,
                capability=capability,
                compiler=compiler,
            )
        )


def open_application(
    *,
    config: Path | None = None,
    start: Path | None = None,
    own: Directories | None = None,
    engine_settings: EngineSettings | None = None,
) -> Application:
    """The application as it is found from a working directory.

    Args:
        config: A policy named on the command line.
        start: The working directory.
        own: Hatchway's own directories; by default those of the environment.
        engine_settings: How guests are run.

    Raises:
        ConfigError: There is no such policy, or no home for our own files.
    """
    own = own or directories()
    try:
        start = start or Path.cwd()
    except FileNotFoundError as error:
        message = "the working directory does not exist any more"
        raise ConfigError(message, code="config.unreadable") from error
    return Application(
        directories=own,
        found=find_project(start, own, config=config),
        engine_settings=engine_settings,
    )


def today() -> date:
    """The day on which overrides end, the same on every machine."""
    return datetime.now(tz=UTC).date()


def _files(entry: ToolPolicy) -> bool:
    return any(isinstance(capability, FileAccess) for capability in entry.allow)


def with_host_environment(policy: Policy) -> Policy:
    """`policy` with the host's values of the variables it inherits, and no others."""
    wanted = {
        capability.variable
        for entry in policy.tools.values()
        for capability in entry.allow
        if isinstance(capability, EnvironmentVariable) and capability.value is None
    }
    return replace(
        policy,
        host_environment={name: os.environ[name] for name in wanted if name in os.environ},
    )
