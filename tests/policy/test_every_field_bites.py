"""What we parse, we enforce: every key of our files changes an outcome or is refused.

The keys are not listed here by hand. They are learnt from the code, by parsing a document
that has every table there is and noting which keys each table was said to know. A key
without a proof fails, and so does a proof of a key that is gone.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from guests import command, wasm
from override_proofs import AUDIT_PROOFS, accepting, audit_outcome
from trust_proofs import TRUST_PROOFS, trust_outcome, two

from hatchway.audit.reading import read_artifact
from hatchway.audit.sections import licence_of
from hatchway.cli.main import status_of
from hatchway.core.call import Execution, Principal
from hatchway.core.errors import ConfigError, HatchwayError
from hatchway.core.secret import Secret
from hatchway.core.surface import Surface
from hatchway.core.wit import Primitive, WitFunction
from hatchway.policy.decide import decide
from hatchway.policy.document import LIMIT_KEYS, parse_policy
from hatchway.policy.manifest import manifest_from_values
from hatchway.policy.network import EGRESS_KEYS
from hatchway.policy.reading import Table
from hatchway.policy.workers import require_layers
from hatchway.provenance.lockfile import LockedTool, Lockfile
from hatchway.runtime.admission import text_hashes
from hatchway.runtime.arguments import invocation_of
from hatchway.runtime.catalog import build_catalog
from hatchway.runtime.effects import annotations_of
from hatchway.runtime.results import outcome_of
from hatchway.runtime.toolset import tools_of, visible_fields
from hatchway.runtime.validation import Validator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatchway.core.egress import BoundSecret
    from hatchway.core.manifest import Manifest
    from hatchway.policy.document import ToolPolicy

ADA = Principal(tenant="local", subject="ada", door="cli")
DIGEST = "sha256:" + "0" * 64
COMMAND = Surface(kind="module", imports=(), is_command=True, exports=("_start",))
PLUGIN = Surface(
    kind="module",
    imports=("extism:host/env.input_length",),
    is_command=False,
    plugin=("call", "call_tool"),
)
COMPONENT = Surface(
    kind="component",
    imports=(),
    is_command=False,
    functions=(
        WitFunction(
            name="say-it",
            interface=None,
            parameters=(("text", Primitive("string")), ("wide", Primitive("bool"))),
            result=Primitive("string"),
        ),
    ),
)


def known_keys(monkeypatch: pytest.MonkeyPatch, parse: Callable[[], object]) -> set[str]:
    """Every key that the tables met while parsing say they know, with the table's path."""
    met: set[str] = set()
    real = Table.only

    def noted(table: Table, *known: str) -> None:
        parts = [part for part in table._path if isinstance(part, str)]
        if parts[:1] == ["tools"] and len(table._path) > 1 and table._path[1] == "NAME":
            parts = ["tools", "NAME", *parts[2:]]
        met.update(".".join((*parts, key)) for key in known)
        real(table, *known)

    monkeypatch.setattr(Table, "only", noted)
    parse()
    return met


# hatchway.toml

EVERY_TABLE = """\
version = 1
[egress]
[flow]
after_private = []
[serve]
[workers]
[tools.NAME]
source = "g.wasm"
allow = ["net.http=https://e.org"]
secrets = [{ name = "A", from = "env:A", to = "https://e.org" }]
[tools.NAME.limits]
[tools.NAME.egress]
"""
ORIGINS = 'allow = ["net.http=https://e.org", "net.http=https://f.org"]'


def policy_text(*, version: str = "1", source: str = "g.wasm", more: str = "") -> str:
    return f'version = {version}\n[tools.NAME]\nsource = "{source}"\n{more}\n'


def secret(**changed: str) -> str:
    """A policy with one secret."""
    facts = {"name": "A", "from": "env:A", "to": "https://e.org"} | changed
    inside = ", ".join(f'{key} = "{value}"' for key, value in facts.items())
    return policy_text(more=f"{ORIGINS}\nsecrets = [{{ {inside} }}]")


def networked(line: str = "") -> str:
    """A policy with origins, and `line` about their use."""
    return policy_text(more=f"{ORIGINS}\n{line}")


def requests(line: str) -> str:
    return networked(f"[tools.NAME.egress]\n{line}")


def limit(line: str) -> str:
    return policy_text(more=f"[tools.NAME.limits]\n{line}")


POLICY_PROOFS: dict[str, tuple[str, str]] = {
    "version": (policy_text(), policy_text(version="2")),
    "compiler": (policy_text(), 'compiler = "winch"\n' + policy_text()),
    "isolation": (policy_text(), 'isolation = "worker"\n' + policy_text()),
    "workers": (policy_text(), policy_text(more="[workers]\ncalls = 1")),
    "workers.require": (policy_text(), policy_text(more='[workers]\nrequire = ["landlock"]')),
    "workers.calls": (policy_text(), policy_text(more="[workers]\ncalls = 1")),
    "workers.at_most": (policy_text(), policy_text(more="[workers]\nat_most = 1")),
    "tools": (policy_text(), "version = 1"),
    "tools.NAME.source": (policy_text(), policy_text(source="other.wasm")),
    "tools.NAME.allow": (policy_text(), policy_text(more='allow = ["clock"]')),
    "tools.NAME.secrets": (networked(), secret()),
    "tools.NAME.secrets.name": (secret(), secret(name="B")),
    "tools.NAME.secrets.from": (secret(), secret(**{"from": "env:B"})),
    "tools.NAME.secrets.to": (secret(), secret(to="https://f.org")),
    "tools.NAME.secrets.header": (secret(), secret(header="X-Key")),
    "tools.NAME.secrets.value": (secret(), secret(value="Bearer {}")),
    "egress": (networked(), networked('[egress]\nproxy = "http://p:1"')),
    "egress.proxy": (networked(), networked('[egress]\nproxy = "http://p:1"')),
    "egress.authorities": (networked(), networked('[egress]\nauthorities = "ca.pem"')),
    "flow": (networked(), networked("[flow]\nafter_private = []")),
    "flow.after_private": (
        networked("[flow]\nafter_private = []"),
        networked('[flow]\nafter_private = ["https://e.org"]'),
    ),
    "tools.NAME.egress": (networked(), requests("concurrent = 1")),
    "tools.NAME.egress.request": (requests(""), requests('request = "1MiB"')),
    "tools.NAME.egress.response": (requests(""), requests('response = "1MiB"')),
    "tools.NAME.egress.headers": (requests(""), requests('headers = "4KiB"')),
    "tools.NAME.egress.connect": (requests(""), requests('connect = "1s"')),
    "tools.NAME.egress.first_byte": (requests(""), requests('first_byte = "1s"')),
    "tools.NAME.egress.total": (requests(""), requests('total = "1s"')),
    "tools.NAME.egress.concurrent": (requests(""), requests("concurrent = 1")),
    "tools.NAME.egress.per_minute": (requests(""), requests("per_minute = 1")),
    "tools.NAME.isolation": (networked(), networked('isolation = "thread"')),
    "tools.NAME.compiler": (policy_text(), policy_text(more='compiler = "winch"')),
    "tools.NAME.limits": (policy_text(), limit("fuel = 5")),
    "tools.NAME.limits.fuel": (limit(""), limit("fuel = 5")),
    "tools.NAME.limits.deadline": (limit(""), limit('deadline = "5s"')),
    "tools.NAME.limits.memory": (limit(""), limit('memory = "1MiB"')),
    "tools.NAME.limits.output": (limit(""), limit('output = "1B"')),
    "tools.NAME.limits.scratch": (limit(""), limit('scratch = "1MiB"')),
    "tools.NAME.limits.table_elements": (limit(""), limit("table_elements = 1")),
    "tools.NAME.limits.instances": (limit(""), limit("instances = 1")),
    "tools.NAME.limits.host_calls": (limit(""), limit("host_calls = 1")),
    "tools.NAME.limits.inner_calls": (limit(""), limit("inner_calls = 1")),
    "tools.NAME.limits.inner_fuel": (limit(""), limit("inner_fuel = 1")),
    "serve": (policy_text(), policy_text(more="[serve]\ndiscovery = true")),
    "serve.discovery": (policy_text(), policy_text(more="[serve]\ndiscovery = true")),
}


def lock() -> Lockfile:
    """A lockfile in which the tool was admitted from `g.wasm`."""
    tools = text_hashes(tools_of("NAME", DIGEST, COMMAND, None))
    locked = LockedTool(
        source="g.wasm", digest=DIGEST, size=8, kind="module", imports=(), tools=tools
    )
    return Lockfile(tools={"NAME": locked})


@cache
def value_of(kind: str, source: str) -> Secret:
    """What a place yields: always the same, and never what another one yields."""
    return Secret(f"{kind}:{source}")


def brought(tool: ToolPolicy) -> tuple[BoundSecret, ...]:
    return tuple(rule.bound(value_of(rule.kind, rule.source)) for rule in tool.secrets)


def policy_outcome(text: str) -> object:
    """What a caller gets under a policy: a grant, or the codes of what is in the way."""
    try:
        policy = parse_policy(text, file="hatchway.toml", base="/")
        require_layers(policy.workers, lambda: (), file="hatchway.toml")
    except ConfigError as error:
        return (error.code, error.message.partition(": ")[2])
    policy = replace(policy, secrets={name: brought(tool) for name, tool in policy.tools.items()})
    catalog = build_catalog(policy, lock(), lambda *_: COMMAND, lambda _: b"8 bytes.")
    grants = {name: decide(entry.tool, policy, ADA) for name, entry in catalog.entries.items()}
    quarantined = [(item.name, item.error.code) for item in catalog.quarantined]
    return (grants, quarantined, policy.has_discovery, policy.workers)


def test_every_key_of_a_policy_has_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse() -> None:
        parse_policy(EVERY_TABLE, file="hatchway.toml", base="/")
        parse_policy(accepting(), file="hatchway.toml", base="/")
        parse_policy(two(), file="hatchway.toml", base="/")

    proofs = (POLICY_PROOFS, AUDIT_PROOFS, TRUST_PROOFS)
    assert known_keys(monkeypatch, parse) == {key for each in proofs for key in each}


def test_every_limit_has_a_proof() -> None:
    assert {f"tools.NAME.limits.{key}" for key in LIMIT_KEYS} <= POLICY_PROOFS.keys()
    assert {f"tools.NAME.egress.{key}" for key in EGRESS_KEYS} <= POLICY_PROOFS.keys()


@pytest.mark.parametrize("key", POLICY_PROOFS)
def test_a_key_of_a_policy_changes_what_a_caller_gets(key: str) -> None:
    without, with_it = POLICY_PROOFS[key]

    assert policy_outcome(without) != policy_outcome(with_it)


@pytest.mark.parametrize("key", AUDIT_PROOFS)
def test_a_key_for_the_audit_changes_what_it_says(key: str) -> None:
    without, with_it = AUDIT_PROOFS[key]

    assert audit_outcome(without) != audit_outcome(with_it)


@pytest.mark.parametrize("key", TRUST_PROOFS)
def test_a_key_of_the_trust_policy_changes_who_is_trusted(key: str) -> None:
    without, with_it = TRUST_PROOFS[key]

    assert trust_outcome(without) != trust_outcome(with_it)


@pytest.mark.parametrize("key", LIMIT_KEYS)
def test_a_limit_changes_nothing_but_itself(key: str) -> None:
    before, after = (policy_outcome(text) for text in POLICY_PROOFS[f"tools.NAME.limits.{key}"])

    changed = [
        name
        for name in LIMIT_KEYS
        if limit_of(before, LIMIT_KEYS[name].attribute)
        != limit_of(after, LIMIT_KEYS[name].attribute)
    ]
    assert changed == [key]


@pytest.mark.parametrize("key", EGRESS_KEYS)
def test_a_limit_of_requests_changes_nothing_but_itself(key: str) -> None:
    before, after = (policy_outcome(text) for text in POLICY_PROOFS[f"tools.NAME.egress.{key}"])

    changed = [
        name
        for name, spec in EGRESS_KEYS.items()
        if request_limit_of(before, spec.attribute) != request_limit_of(after, spec.attribute)
    ]
    assert changed == [key]


def request_limit_of(outcome: Any, attribute: str) -> object:
    return getattr(outcome[0]["NAME"].egress.limits, attribute)


def limit_of(outcome: Any, attribute: str) -> object:
    return getattr(outcome[0]["NAME"].limits, attribute)


# tool.toml

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "wide": {"type": "boolean"}},
}
ARGUMENTS = {"text": "hello", "wide": True}


def json_tool(**keys: Any) -> dict[str, Any]:
    return {"abi": "json", "input": SCHEMA, **keys}


def argv_tool(**keys: Any) -> dict[str, Any]:
    return {"abi": "argv", "input": SCHEMA, **keys}


def plugin(function: str = "call", **keys: Any) -> dict[str, Any]:
    return {"abi": "extism", "function": function, "input": SCHEMA, **keys}


def one_of(**keys: Any) -> dict[str, Any]:
    """A manifest of several tools, of which there is one."""
    return {"tools": [{"name": "a", **keys}]}


def function(name: str = "say-it", **keys: Any) -> dict[str, Any]:
    """A manifest of a component, whose one function it describes."""
    return one_of(**{"name": name, **keys})


def several(**keys: Any) -> dict[str, Any]:
    return {"tools": [{"name": "a", **json_tool(**keys)}]}


def annotated(**hints: Any) -> dict[str, Any]:
    return json_tool(annotations=hints)


def wanting(capability: str = "clock", reason: str = "r", key: str = "requires") -> dict[str, Any]:
    return json_tool(**{key: [{"capability": capability, "reason": reason}]})


IMAGE = {"type": "image", "media_type": "image/png"}
MANIFEST_PROOFS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "purpose": (json_tool(), json_tool(purpose="Echoes.")),
    "description": (json_tool(), json_tool(description="Echoes.")),
    "abi": (json_tool(), argv_tool()),
    "function": (plugin(), plugin("call_tool")),
    "json": ({}, {"json": "plain"}),
    "parameters": ({}, {"parameters": {"text": "What is said."}}),
    "input": (json_tool(), json_tool(input={"type": "object", "required": ["text"]})),
    "output": (json_tool(), json_tool(output={"type": "object", "required": ["none"]})),
    "argv": (argv_tool(), argv_tool(argv=["{text}"])),
    "stdin": (argv_tool(), argv_tool(stdin="{text}")),
    "workspace": (json_tool(), json_tool(workspace="/box")),
    "files": (json_tool(), json_tool(files=[{"path": "a", "value": "b"}])),
    "files.path": (
        json_tool(files=[{"path": "a", "value": "b"}]),
        json_tool(files=[{"path": "b", "value": "b"}]),
    ),
    "files.value": (
        json_tool(files=[{"path": "a", "value": "b"}]),
        json_tool(files=[{"path": "a", "value": "{text}"}]),
    ),
    "result": (argv_tool(), argv_tool(result="json")),
    "result.type": (
        argv_tool(result=IMAGE),
        argv_tool(result={"type": "audio", "media_type": "audio/wav"}),
    ),
    "result.media_type": (
        argv_tool(result=IMAGE),
        argv_tool(result={**IMAGE, "media_type": "image/gif"}),
    ),
    "result.file": (argv_tool(result=IMAGE), argv_tool(result={**IMAGE, "file": "a.png"})),
    "annotations": (json_tool(), annotated(title="Echo")),
    "annotations.title": (annotated(), annotated(title="Echo")),
    "annotations.readOnlyHint": (annotated(), annotated(readOnlyHint=False)),
    "annotations.destructiveHint": (annotated(), annotated(destructiveHint=True)),
    "annotations.idempotentHint": (annotated(), annotated(idempotentHint=False)),
    "annotations.openWorldHint": (annotated(), annotated(openWorldHint=True)),
    "requires": (json_tool(), wanting()),
    "requires.capability": (wanting(), wanting(capability="random")),
    "optional": (json_tool(), wanting(key="optional")),
    "optional.capability": (wanting(key="optional"), wanting(capability="random", key="optional")),
    "tools": (json_tool(), several()),
    "tools.name": (several(), {"tools": [{"name": "b", **json_tool()}]}),
    "tools.purpose": (several(), several(purpose="Echoes.")),
    "tools.description": (several(), several(description="Echoes.")),
    "tools.abi": (several(), {"tools": [{"name": "a", **argv_tool()}]}),
    "tools.function": (one_of(**plugin()), one_of(**plugin("call_tool"))),
    "tools.json": (function(), function(json="plain")),
    "tools.parameters": (function(), function(parameters={"text": "What is said."})),
    "tools.input": (several(), several(input={"type": "object"})),
    "tools.output": (several(), several(output={"type": "object", "required": ["none"]})),
    "tools.argv": (
        {"tools": [{"name": "a", **argv_tool()}]},
        {"tools": [{"name": "a", **argv_tool(argv=["x"])}]},
    ),
    "tools.stdin": (
        {"tools": [{"name": "a", **argv_tool()}]},
        {"tools": [{"name": "a", **argv_tool(stdin="x")}]},
    ),
    "tools.workspace": (several(), several(workspace="/box")),
    "tools.files": (several(), several(files=[{"path": "a", "value": "b"}])),
    "tools.result": (
        {"tools": [{"name": "a", **argv_tool()}]},
        {"tools": [{"name": "a", **argv_tool(result="json")}]},
    ),
    "tools.annotations": (several(), several(annotations={"title": "Echo"})),
    "tools.requires": (several(), several(requires=[{"capability": "clock", "reason": "r"}])),
    "tools.optional": (several(), several(optional=[{"capability": "clock", "reason": "r"}])),
}
TOLD_ON_ADMISSION: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "name": (json_tool(), json_tool(name="echo")),
    "version": (json_tool(), json_tool(version="2.7.1")),
    "requires.reason": (wanting(), wanting(reason="stamps the report")),
    "optional.reason": (wanting(key="optional"), wanting(reason="stamps it", key="optional")),
}
"""Keys for the person who admits a tool: they change what `hatchway add` says."""
IN_THE_ARTIFACT = {"licence"}
"""Keys for whoever holds the file; a test below builds it."""


def manifest_outcome(values: dict[str, Any]) -> object:
    """Everything that clients, guests and the operator notice of a manifest."""
    try:
        manifest = manifest_from_values(values, file="tool.toml")
    except ConfigError as error:
        return error.code
    tools = tools_of("g", DIGEST, surface_for(manifest), manifest).tools
    return [
        (
            visible_fields(tool, tool.manifest.annotations),
            annotations_of((), tool.manifest.annotations),
            invocation_of(tool, ARGUMENTS),
            outcome_of(
                tool,
                Execution(value="hi", stdout=b'{"text": "hello"}', files={"a.png": b"PNG"}),
                Validator(tool.output_schema) if tool.output_schema else None,
            ).to_json(),
            Validator(tool.input_schema).is_valid({}),
            [decided(tool, allow) for allow in ("", '"clock"', '"random"')],
            workspace_of(tool),
            [str(want.capability) for want in tool.manifest.optional],
        )
        for tool in tools
    ]


def surface_for(manifest: Manifest) -> Surface:
    match manifest.tools[0].abi:
        case None:
            return COMPONENT
        case "extism" | "hyper-mcp":
            return PLUGIN
        case _:
            return COMMAND


def decided(tool: Any, allow: str) -> str:
    text = f'version = 1\n[tools.g]\nsource = "g"\nallow = [{allow}]'
    try:
        decide(tool, parse_policy(text, file="p", base="/"), ADA)
    except HatchwayError as error:
        return error.code
    return "granted"


def workspace_of(tool: Any) -> str | None:
    """What a guest with scratch space calls its directory, or the code of what is in the way."""
    text = 'version = 1\n[tools.g]\nsource = "g"\n[tools.g.limits]\nscratch = "1MiB"'
    try:
        return decide(tool, parse_policy(text, file="p", base="/"), ADA).workspace
    except HatchwayError as error:
        return error.code


def as_sidecar(values: dict[str, Any]) -> str:
    """A manifest as TOML, whose inline tables are JSON with another sign."""
    return "".join(f"{key} = {inline(value)}\n" for key, value in values.items())


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {inline(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return json.dumps(value)


def test_every_key_of_a_manifest_has_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    wants = [{"capability": "clock", "reason": "r"}]
    files = [{"path": "a", "value": "b"}]
    whole = argv_tool(files=files, result=IMAGE, annotations={}, requires=wants, optional=wants)

    def parse() -> None:
        manifest_from_values(whole, file="tool.toml")
        manifest_from_values({"tools": [{"name": "a"}]}, file="tool.toml")

    met = known_keys(monkeypatch, parse)
    nested = {f"tools.{key}" for key in met if "." in key}
    proven = MANIFEST_PROOFS.keys() | TOLD_ON_ADMISSION.keys() | IN_THE_ARTIFACT
    assert met - nested == proven


def test_no_key_of_a_policy_or_manifest_is_proven_by_two_equal_documents() -> None:
    proofs = [
        *POLICY_PROOFS.values(),
        *AUDIT_PROOFS.values(),
        *MANIFEST_PROOFS.values(),
        *TOLD_ON_ADMISSION.values(),
    ]

    assert all(without != with_it for without, with_it in proofs)


@pytest.mark.parametrize("key", MANIFEST_PROOFS)
def test_a_key_of_a_manifest_changes_what_somebody_notices(key: str) -> None:
    without, with_it = MANIFEST_PROOFS[key]

    assert manifest_outcome(without) != manifest_outcome(with_it)


@pytest.mark.parametrize("key", TOLD_ON_ADMISSION)
def test_a_key_for_whoever_admits_a_tool_changes_what_they_are_told(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = tmp_path / "g.wasm"
    artifact.write_bytes(wasm(command("nop")))

    def told(values: dict[str, Any]) -> str:
        artifact.with_name("g.tool.toml").write_text(as_sidecar(values))
        assert status_of(["add", str(artifact), "--yes"]) == 0
        return capsys.readouterr().err

    without, with_it = TOLD_ON_ADMISSION[key]
    told(without)  # so that both times something is replaced

    assert told(without) != told(with_it)


def test_the_licence_is_in_what_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(["new", "wat", "g"]) == 0
    manifest = tmp_path / "g" / "tool.toml"

    def licence(spelled: str) -> str | None:
        text = manifest.read_text()
        manifest.write_text(re.sub("licence = .*", f'licence = "{spelled}"', text))
        assert status_of(["build", "g", "-o", "g.wasm"]) == 0
        return licence_of(read_artifact((tmp_path / "g.wasm").read_bytes()))

    assert [licence(each) for each in ("MIT", "ISC")] == ["MIT", "ISC"]


def test_a_condition_on_an_argument_changes_the_command_line() -> None:
    always = argv_tool(argv=["--wide"])
    depends = argv_tool(argv=[{"value": "--wide", "when": "wide"}])

    lines = [
        [
            invocation_of(tool, arguments)
            for tool in tools_of("g", DIGEST, COMMAND, manifest_from_values(m, file="m")).tools
            for arguments in ({"wide": True}, {"wide": False})
        ]
        for m in (always, depends)
    ]

    assert lines[0] != lines[1]
