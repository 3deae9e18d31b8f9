"""Running a file that is admitted nowhere, and of which nothing is recorded but events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.core.call import Principal, ToolCall
from hatchway.core.capability import HttpAccess
from hatchway.core.errors import ConfigError
from hatchway.policy.decide import isolation_of
from hatchway.policy.document import LOCAL_TENANT, Policy, ToolPolicy
from hatchway.registry.source import read_source
from hatchway.registry.store import digest_of
from hatchway.runtime.admission import require_agreement, require_hostable
from hatchway.runtime.catalog import catalog_of
from hatchway.runtime.drafting import draft
from hatchway.runtime.environment import with_host_environment
from hatchway.runtime.runtime import Runtime
from hatchway.runtime.self_description import describes_itself, description_of
from hatchway.runtime.toolset import binary_safe, tools_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.capability import Capability
    from hatchway.core.egress import Egress
    from hatchway.core.isolation import Isolation
    from hatchway.core.limits import Limits
    from hatchway.core.manifest import Manifest
    from hatchway.core.sandbox import Sandbox
    from hatchway.core.surface import Compiler, Surface
    from hatchway.core.tool import Tool
    from hatchway.runtime.recording import EventSink


@dataclass(frozen=True, kw_only=True)
class OneOff:
    """Makes runtimes for single files.

    Attributes:
        sandbox: Runs them.
        events: Where their calls are recorded.
        egress: Lets them onto the network, as far as they are granted it.
        with_directories: Opens the directories that a policy grants, or raises.
        policy: The policy in force, which says how the broker gets to the world.
    """

    sandbox: Sandbox
    events: EventSink
    egress: Egress
    with_directories: Callable[[Policy], Policy]
    policy: Callable[[], Policy]

    def runtime(
        self,
        file: str,
        allow: list[Capability],
        limits: Limits,
        compiler: Compiler | None = None,
        isolation: Isolation | None = None,
    ) -> tuple[Runtime, Mapping[str, Tool]]:
        """A runtime for one file, and the tools it offers.

        Raises:
            HatchwayError: The file cannot be a tool.
        """
        digest, surface = self._read(file, compiler)
        owner = "run"
        entry = ToolPolicy(
            name=owner,
            source=file,
            allow=tuple(allow),
            limits=limits,
            compiler=compiler,
            isolation=isolation,
        )
        policy = Policy(tools={owner: entry}, file="the command line")
        policy = self.with_directories(with_host_environment(self._routed(policy)))
        manifest = None
        if describes_itself(surface):
            manifest, _ = description_of(self.sandbox, owner, digest, surface, compiler)
        found = tools_of(owner, digest, surface, manifest).tools
        tools = {tool.name: binary_safe(tool) for tool in found}
        return self._runtime(policy, tools), tools

    def built(self, name: str, data: bytes, manifest: Manifest | None, policy: Policy) -> Runtime:
        """A runtime for an artifact that lies in no file, under a policy that is in none.

        Args:
            name: The entry of `policy` that it runs as.
            data: The artifact.
            manifest: What its author says.
            policy: What it is granted.

        Raises:
            HatchwayError: It cannot be a tool, or something cannot be granted.
        """
        digest, surface = self._prepared(data, policy.compiler_of(name))
        policy = self.with_directories(with_host_environment(self._routed(policy)))
        tools = {tool.name: tool for tool in tools_of(name, digest, surface, manifest).tools}
        return self._runtime(policy, tools)

    def draft(self, source: str) -> str:
        """The text of a first manifest for a program that has none.

        It is run once, with `--help` and no grants.

        Raises:
            HatchwayError: It cannot be read or run, or is not a program.
        """
        digest, surface = self._read(source, None)
        if not surface.is_command:
            message = "only programs need a draft: a component's functions describe themselves"
            raise ConfigError(message, code="config.no_draft")
        (tool,) = tools_of("draft", digest, surface, None).tools
        policy = Policy(tools={"draft": ToolPolicy(name="draft", source=source)})
        runtime = self._runtime(policy, {tool.name: tool})
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

    def _read(self, source: str, compiler: Compiler | None) -> tuple[str, Surface]:
        artifact = read_source(source, base=Path.cwd(), limit_bytes=MAX_ARTIFACT_BYTES)
        return self._prepared(artifact, compiler)

    def _routed(self, policy: Policy) -> Policy:
        """`policy` with what the one in force says about workers and about the way to the world.

        Walls that must stand, a proxy that everything goes through, and a rule about flows hold
        here too.
        """
        in_workers = any(isolation_of(entry, policy) == "worker" for entry in policy.tools.values())
        allowed = (each for entry in policy.tools.values() for each in entry.allow)
        if not in_workers and not any(isinstance(each, HttpAccess) for each in allowed):
            return policy
        in_force = self.policy()
        return replace(policy, route=in_force.route, flow=in_force.flow, workers=in_force.workers)

    def _prepared(self, artifact: bytes, compiler: Compiler | None) -> tuple[str, Surface]:
        digest = digest_of(artifact)
        found = read_artifact(artifact)
        require_hostable(found)
        surface = self.sandbox.prepare(artifact, digest, compiler)
        require_agreement(found, surface)
        return digest, surface

    def _runtime(self, policy: Policy, tools: Mapping[str, Tool]) -> Runtime:
        return Runtime(catalog_of(policy, tools), self.sandbox, self.events, self.egress)
