"""Subjects of an audit that are made by hand, for tests of what is decided about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.audit.artifact import Artifact, CoreModule, Memory
from hatchway.audit.subject import Neighbour, Subject
from hatchway.core.manifest import Manifest, ToolManifest, Want
from hatchway.core.surface import Surface
from hatchway.policy.document import Policy, ToolPolicy, parse_policy
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatchway.core.capability import Capability

MIB = 1 << 20


def memory(minimum_bytes: int = 65536, maximum_bytes: int | None = MIB, **more: Any) -> Memory:
    """A linear memory."""
    return Memory(minimum_bytes=minimum_bytes, maximum_bytes=maximum_bytes, **more)


def core_module(*memories: Memory, path: tuple[int, ...] = ()) -> CoreModule:
    """A core module that has memories and nothing else."""
    return CoreModule(
        path=path, offset=0, size=8, imports=(), exports=(), memories=memories, tables=0,
        functions=0, code_bytes=0, largest_function_bytes=0, start_function=None, segments=(),
        customs=(), features=frozenset(),
    )  # fmt: skip


def artifact_of(*modules: CoreModule) -> Artifact:
    """A module that asks for nothing, or one that holds `modules`."""
    surface = Surface(kind="module", imports=(), is_command=True, exports=("_start",))
    return Artifact(
        kind="module", digest="sha256:" + "0" * 64, size=8, imports=(), type_only=(), exports=(),
        surface=surface, modules=modules or (core_module(),), components=0, depth=0, customs=(),
        producers=(), runs_at_start=False, features=frozenset(),
    )  # fmt: skip


def asking(*requires: str, optional: Sequence[str] = (), several: bool = False) -> Manifest:
    """A manifest that asks for something."""
    wants, more = (
        tuple(
            Want(capability=parse_capability(text, side="wanted"), reason="because")
            for text in texts
        )
        for texts in (requires, optional)
    )
    tool = ToolManifest(name="a" if several else None, requires=wants, optional=more)
    return Manifest(
        name="tool", version=None, tools=(tool,), source={"tools": []} if several else {}
    )


def entry_of(*allow: Capability | str, name: str = "tool", limits: str = "") -> ToolPolicy:
    """A policy entry; capabilities that no document can grant are put in by hand."""
    text = f'version = 1\n[tools.{name}]\nsource = "x"\n[tools.{name}.limits]\n{limits}'
    parsed = parse_policy(text, file="hatchway.toml", base="/srv/project").tools[name]
    capabilities = tuple(
        parse_capability(item, side="allowed", base="/srv/project")
        if isinstance(item, str)
        else item
        for item in allow
    )
    return ToolPolicy(name=name, source="x", allow=capabilities, limits=parsed.limits)


def subject_with(entry: ToolPolicy | None = None, **changes: Any) -> Subject:
    """A subject about which nothing is said but what is given."""
    facts: dict[str, Any] = {"artifact": artifact_of(), "data": b"", "base": "/srv/project"}
    return Subject(name="tool", entry=entry, **(facts | changes))


def neighbours_in(policy: Policy, name: str) -> tuple[Neighbour, ...]:
    """The other tools of a policy, of which nothing else is known."""
    return tuple(
        Neighbour(owner=owner, tools=(), entry=entry)
        for owner, entry in policy.tools.items()
        if owner != name
    )
