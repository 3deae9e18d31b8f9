"""What is found between imports, manifest and policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from audit_subjects import entry_of, subject_with
from guests import wasm

from hatchway.audit.claims import served_by
from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import (
    cap_001_undeclared,
    cap_002_network,
    cap_003_over_declared,
    cap_004_toxic_trio,
    cap_005_read_only,
    cap_006_ordinary,
    cap_007_dead_grant,
    cap_008_tools_together,
)
from hatchway.audit.subject import Neighbour, Subject
from hatchway.core.capability import EnvironmentVariable, HttpAccess
from hatchway.core.manifest import ToolManifest
from hatchway.core.tool import Tool
from hatchway.core.wit import WitFunction
from hatchway.policy.grammar import parse_capability
from hatchway.policy.manifest import parse_manifest_toml

if TYPE_CHECKING:
    from hatchway.audit.finding import Found, Rule

OPEN = "path_open"
UNLINK = "path_unlink_file"
HTTP = '(import "wasi:http/outgoing-handler@0.2.3" (instance (export "handle" (func))))'
FILES = """
(import "wasi:filesystem/types@0.2.3" (instance
  (export "descriptor" (type $descriptor (sub resource)))
  (export "[method]descriptor.sync" (func (param "self" (borrow $descriptor))))
  (export "[method]descriptor.open-at" (func (param "self" (borrow $descriptor))))))
"""
LOOK_UP = '(import "wasi:sockets/ip-name-lookup@0.2.3" (instance (export "resolve" (func))))'
API = HttpAccess(scheme="https", host="api.example.com", port=443)
WORKS_ON_FILES = """
abi = "argv"
files = [{ path = "in.txt", value = "{text}" }]
[input]
type = "object"
properties.text.type = "string"
"""


def module(*functions: str, more: str = "") -> str:
    """A module with these functions of preview 1; nobody looks at their types here."""
    imports = "".join(f'(import "wasi_snapshot_preview1" "{name}" (func))' for name in functions)
    return f"(module {imports} {more})"


def component(*imports: str) -> str:
    return f"(component {' '.join(imports)})"


def subject(wat: str, manifest: str | None = None, **more: Any) -> Subject:
    data = wasm(wat)
    parsed = None if manifest is None else parse_manifest_toml(manifest, file="tool.toml")
    values = None if parsed is None else parsed.source
    return Subject(
        name="tool",
        artifact=read_artifact(data),
        data=data,
        manifest=parsed,
        **({"manifest_values": values} | more),
    )


def wanting(*capabilities: str, more: str = "") -> str:
    entries = ", ".join(f'{{ capability = "{item}", reason = "because" }}' for item in capabilities)
    return f"requires = [{entries}]\n{more}"


def found_by(rule: Rule, looked_at: Subject) -> list[Found]:
    assert rule.check is not None
    return list(rule.check(looked_at))


def weights(rule: Rule, looked_at: Subject) -> list[tuple[str, str]]:
    return [(item.about, item.severity or rule.severity) for item in found_by(rule, looked_at)]


def one(rule: Rule, looked_at: Subject) -> Found:
    (found,) = found_by(rule, looked_at)
    return found


# HW-CAP-001


def test_an_unvetted_program_with_files_and_sockets_shows_both() -> None:
    looked_at = subject(module(OPEN, "sock_recv"))

    assert weights(cap_001_undeclared.RULE, looked_at) == [("files", "high"), ("sockets", "high")]


def test_what_every_runtime_imports_is_never_undeclared() -> None:
    looked_at = subject(
        module(
            "environ_get", "args_get", "fd_write", "fd_prestat_get", "clock_time_get",
            "random_get", "proc_exit", "poll_oneoff", "sched_yield",
        )
    )  # fmt: skip

    assert found_by(cap_001_undeclared.RULE, looked_at) == []


def test_threads_other_tools_and_foreign_hosts_are_serious() -> None:
    looked_at = subject(
        component(
            '(import "hatchway:tools/call@0.1.0" (instance (export "call" (func))))',
            '(import "acme:db/query" (instance (export "run" (func))))',
        )
    )
    threads = subject('(module (import "wasi" "thread-spawn" (func)))')

    assert [item.about for item in found_by(cap_001_undeclared.RULE, looked_at)] == [
        "tools",
        "hosts",
    ]
    assert "No manifest can declare this" in str(one(cap_001_undeclared.RULE, threads).remediation)


@pytest.mark.parametrize("key", ["requires", "optional"])
def test_declaring_one_directory_declares_files(key: str) -> None:
    manifest = wanting("fs.read=/texts").replace("requires", key)

    assert found_by(cap_001_undeclared.RULE, subject(module(OPEN), manifest)) == []


def test_declaring_files_does_not_declare_the_network() -> None:
    looked_at = subject(module(OPEN, "sock_send"), wanting("fs.read=/texts"))

    assert weights(cap_001_undeclared.RULE, looked_at) == [("sockets", "high")]


def test_a_workspace_mapping_declares_reading_and_writing_files() -> None:
    looked_at = subject(module(OPEN, UNLINK), WORKS_ON_FILES)

    assert found_by(cap_001_undeclared.RULE, looked_at) == []


def test_writing_beside_declared_reading_is_medium() -> None:
    looked_at = subject(module(OPEN, UNLINK), wanting("fs.read=/texts"))

    found = one(cap_001_undeclared.RULE, looked_at)

    assert (found.about, found.severity) == ("fs.write", "medium")
    assert "fs.write=/texts" in str(found.remediation)
    assert found.evidence[-1].field == ("requires", 0, "capability")


def test_a_function_that_only_may_write_proves_nothing() -> None:
    looked_at = subject(module(OPEN), wanting("fs.read=/texts"))

    assert found_by(cap_001_undeclared.RULE, looked_at) == []


def test_declared_writing_covers_both() -> None:
    looked_at = subject(module(OPEN, UNLINK), wanting("fs.write=/texts"))

    assert found_by(cap_001_undeclared.RULE, looked_at) == []


def test_the_remedy_fits_what_there_is_of_a_manifest() -> None:
    none = one(cap_001_undeclared.RULE, subject(module(OPEN)))
    broken = one(cap_001_undeclared.RULE, subject(module(OPEN), manifest_values={"oops": 1}))
    silent = one(cap_001_undeclared.RULE, subject(module(OPEN), 'purpose = "x"'))

    assert "hatchway add FILE --draft" in str(none.remediation)
    assert "Correct the manifest" in str(broken.remediation)
    assert str(silent.remediation).startswith("In tool.toml: requires = ")


def test_what_modules_inside_a_component_import_is_no_capability() -> None:
    looked_at = subject(f"(component (core {module(OPEN, 'sock_send')[1:]})")

    assert found_by(cap_001_undeclared.RULE, looked_at) == []


CODE = Tool(
    name="code",
    owner="code",
    digest="sha256:" + "0" * 64,
    manifest=ToolManifest(name=None),
    input_schema={},
    output_schema=None,
    function=WitFunction(
        name="run", interface="hatchway:exec/code@0.1.0", parameters=(), result=None
    ),
)
CALL = '(import "hatchway:tools/tools@0.1.0" (instance (export "call" (func))))'
OFFLINE = 'description = "Runs code. There is no network."'


def test_an_interpreter_says_by_its_interface_that_it_calls_tools() -> None:
    looked_at = subject(component(CALL), tools=(CODE,))

    assert found_by(cap_001_undeclared.RULE, looked_at) == []


def test_sockets_of_an_interpreter_weigh_little_once_it_has_a_manifest() -> None:
    said = subject(component(LOOK_UP), OFFLINE, tools=(CODE,))
    unsaid = subject(component(LOOK_UP), tools=(CODE,))
    no_interpreter = subject(component(LOOK_UP), OFFLINE)

    assert weights(cap_001_undeclared.RULE, said) == [("sockets", "low")]
    assert weights(cap_001_undeclared.RULE, unsaid) == [("sockets", "high")]
    assert weights(cap_001_undeclared.RULE, no_interpreter) == [("sockets", "high")]


def test_sockets_of_an_interpreter_weigh_more_where_the_policy_grants_some() -> None:
    granted = entry_of("net.socket=db.example.com:5432")
    looked_at = subject(component(LOOK_UP), OFFLINE, tools=(CODE,), entry=granted)

    for rule, about in (
        (cap_001_undeclared.RULE, "sockets"),
        (cap_002_network.RULE, "undeclared network"),
    ):
        (found,) = found_by(rule, looked_at)
        assert (found.about, found.severity) == (about, "medium")
        assert found.evidence[-1].field == ("tools", "tool", "allow", 0)


def test_files_and_requests_of_an_interpreter_are_declared_like_those_of_every_tool() -> None:
    looked_at = subject(component(HTTP, FILES), OFFLINE, tools=(CODE,))

    assert weights(cap_001_undeclared.RULE, looked_at) == [("files", "high"), ("http", "high")]


# HW-CAP-002


@pytest.mark.parametrize(
    ("imports", "said", "severity"),
    [
        (LOOK_UP, OFFLINE, "low"),
        (LOOK_UP, 'description = "Runs code."', "high"),
        (LOOK_UP + HTTP, OFFLINE, "high"),
    ],
)
def test_sockets_of_an_interpreter_are_expected_where_its_text_speaks_of_the_network(
    imports: str, said: str, severity: str
) -> None:
    looked_at = subject(component(imports), said, tools=(CODE,))

    assert weights(cap_002_network.RULE, looked_at) == [("undeclared network", severity)]


def test_network_that_nothing_speaks_of_is_found() -> None:
    assert weights(cap_002_network.RULE, subject(component(HTTP))) == [
        ("undeclared network", "high")
    ]


def test_a_closed_world_and_silence_are_two_findings() -> None:
    looked_at = subject(component(LOOK_UP), "annotations = { openWorldHint = false }")

    found = found_by(cap_002_network.RULE, looked_at)

    assert [item.about for item in found] == ["openWorldHint", "undeclared network"]
    assert found[0].evidence[0].field == ("annotations", "openWorldHint")


def test_a_claim_of_one_of_several_tools_is_found_at_its_place() -> None:
    manifest = """
    [[tools]]
    name = "first"
    [[tools]]
    name = "second"
    annotations = { openWorldHint = false }
    """

    found = found_by(cap_002_network.RULE, subject(component(HTTP), manifest))

    assert found[0].evidence[0].field == ("tools", 1, "annotations", "openWorldHint")


def test_declared_network_without_a_word_about_it_is_less_certain() -> None:
    manifest = wanting("net.http=https://api.example.com", more='purpose = "Sorts lines."')

    found = one(cap_002_network.RULE, subject(component(HTTP), manifest))

    assert found.about == "unexplained network"
    assert found.confidence == "medium"


def test_a_description_that_speaks_of_the_network_is_enough() -> None:
    manifest = wanting(
        "net.http=https://api.example.com", more='description = "Fetches rates from a server."'
    )

    assert found_by(cap_002_network.RULE, subject(component(HTTP), manifest)) == []


def test_interfaces_imported_for_types_alone_are_information() -> None:
    types = '(instance (export "thing" (type (sub resource))))'
    looked_at = subject(
        component(
            f'(import "wasi:sockets/tcp@0.2.3" {types})', f'(import "wasi:io/error@0.2.3" {types})'
        )
    )

    found = one(cap_002_network.RULE, looked_at)

    assert found.severity == "info"
    assert [item.detail for item in found.evidence] == ["wasi:sockets/tcp@0.2.3"]
    assert found_by(cap_001_undeclared.RULE, looked_at) == []


def test_a_program_without_network_is_not_spoken_of() -> None:
    assert found_by(cap_002_network.RULE, subject(module(OPEN))) == []


# HW-CAP-003


@pytest.mark.parametrize(
    ("wanted", "function"),
    [
        ("fs.read=/texts", OPEN),
        ("fs.write=/texts", OPEN),
        ("env=LANG", "environ_get"),
        ("clock", "poll_oneoff"),
        ("random", "random_get"),
        ("net.socket=db.example.com:5432", "sock_send"),
    ],
)
def test_a_want_is_dead_unless_a_function_could_use_it(wanted: str, function: str) -> None:
    manifest = wanting(wanted)

    assert [
        item.about for item in found_by(cap_003_over_declared.RULE, subject(module(), manifest))
    ]
    assert found_by(cap_003_over_declared.RULE, subject(module(function), manifest)) == []


def test_names_of_granted_directories_are_no_use_of_a_directory() -> None:
    looked_at = subject(module("fd_prestat_get", "fd_read"), wanting("fs.read=/texts"))

    assert [item.about for item in found_by(cap_003_over_declared.RULE, looked_at)] == [
        "fs.read=/texts"
    ]


def test_one_want_of_two_tools_is_one_finding_with_both_places() -> None:
    manifest = """
    [[tools]]
    name = "first"
    requires = [{ capability = "clock", reason = "because" }]
    [[tools]]
    name = "second"
    optional = [{ capability = "clock", reason = "because" }]
    """

    found = one(cap_003_over_declared.RULE, subject(module(), manifest))

    assert [item.field for item in found.evidence] == [
        ("tools", 0, "requires", 0, "capability"),
        ("tools", 1, "optional", 0, "capability"),
    ]


@pytest.mark.parametrize(
    ("spelled", "names"),
    [
        ("fs.read=/a", {"fs.read", "fs.write"}),
        ("net.http=https://a.example.com", {"net.http"}),
        ("net.socket=a.example.com:1", {"net.socket"}),
        ("net.dns=a.example.com:1", {"net.dns"}),
        ("env=A", {"env"}),
        ("clock", {"clock.wall", "clock.monotonic"}),
        ("random", {"random"}),
        ("tool=render", {"tool"}),
    ],
)
def test_every_capability_of_the_grammar_has_functions_it_is_for(
    spelled: str, names: set[str]
) -> None:
    assert served_by(parse_capability(spelled, side="wanted")) == names


# HW-CAP-004


TRIO = wanting("fs.read=/notes", "net.http=https://api.example.com")
READS_AND_SENDS = component(FILES, HTTP)


def test_the_trio_is_one_finding_with_all_three_legs() -> None:
    found = one(cap_004_toxic_trio.RULE, subject(READS_AND_SENDS, TRIO))

    assert [(item.kind, item.detail) for item in found.evidence] == [
        ("manifest", "fs.read=/notes"),
        ("manifest", "net.http=https://api.example.com"),
        ("binary", "it reads what the network answers"),
    ]


def test_arguments_of_a_model_are_the_untrusted_leg_when_there_are_any() -> None:
    schema = {"type": "object", "properties": {"word": {"type": "string"}}}
    tools = tuple(
        Tool(
            name=name, owner="tool", digest="sha256:0", manifest=ToolManifest(name=None),
            input_schema=each, output_schema=None,
        )
        for name, each in (("clear", {"type": "object"}), ("find", schema))
    )  # fmt: skip

    found = one(cap_004_toxic_trio.RULE, subject(READS_AND_SENDS, TRIO, tools=tools))

    assert found.evidence[2].field == ("inputSchema",)


def test_grants_count_like_wants() -> None:
    looked_at = subject(READS_AND_SENDS, entry=entry_of("fs.read=./notes:/notes", API))

    found = one(cap_004_toxic_trio.RULE, looked_at)

    assert [item.field for item in found.evidence[:2]] == [
        ("tools", "tool", "allow", 0),
        ("tools", "tool", "allow", 1),
    ]


def test_a_variable_named_like_a_secret_is_private() -> None:
    reads = '(import "wasi:cli/environment@0.2.3" (instance (export "get-environment" (func))))'

    def found_with(name: str) -> list[Found]:
        variable = EnvironmentVariable(variable=name, value="s3cret")
        looked_at = subject(component(reads, HTTP), entry=entry_of(variable, API))
        return found_by(cap_004_toxic_trio.RULE, looked_at)

    assert found_with("LANG") == []
    (found,) = found_with("ACME_API_KEY")
    assert "s3cret" not in repr(found)


PRIVATE = HttpAccess(scheme="https", host="crm.example.com", port=443, is_private=True)


def test_an_origin_marked_private_is_private_and_makes_a_trio_with_another_one() -> None:
    alone = subject(component(HTTP), entry=entry_of(PRIVATE))
    both = subject(component(HTTP), entry=entry_of(API, PRIVATE))

    assert found_by(cap_004_toxic_trio.RULE, alone) == []
    found = one(cap_004_toxic_trio.RULE, both)
    assert [item.field for item in found.evidence[:2]] == [
        ("tools", "tool", "allow", 1),
        ("tools", "tool", "allow", 0),
    ]


def test_the_trio_names_the_rule_that_takes_the_way_out() -> None:
    found = one(cap_004_toxic_trio.RULE, subject(READS_AND_SENDS, TRIO))

    assert "under `[flow]`" in (found.remediation or "")


def test_power_that_the_binary_cannot_use_makes_no_trio() -> None:
    assert found_by(cap_004_toxic_trio.RULE, subject(component(HTTP), TRIO)) == []
    assert found_by(cap_004_toxic_trio.RULE, subject(component(FILES), TRIO)) == []


# HW-CAP-005


READ_ONLY = "annotations = { readOnlyHint = true }"


def test_functions_that_only_write_contradict_the_claim() -> None:
    looked_at = subject(module(OPEN, UNLINK), READ_ONLY)

    found = one(cap_005_read_only.RULE, looked_at)

    assert found.severity is None
    assert [item.field for item in found.evidence] == [("annotations", "readOnlyHint"), None]
    assert UNLINK in found.evidence[1].detail


def test_a_function_that_may_write_is_information_of_low_confidence() -> None:
    found = one(cap_005_read_only.RULE, subject(module(OPEN), READ_ONLY))

    assert (found.severity, found.confidence) == ("info", "low")
    assert "enforced by the grant" in found.message


def test_writing_into_the_workspace_alone_is_no_contradiction() -> None:
    manifest = f"{READ_ONLY}\n{WORKS_ON_FILES}"
    alone = subject(module(OPEN, UNLINK), manifest)
    granted = subject(module(OPEN, UNLINK), manifest, entry=entry_of("fs.write=./out:/out"))

    assert weights(cap_005_read_only.RULE, alone) == [("fs.write", "info")]
    assert weights(cap_005_read_only.RULE, granted) == [("fs.write", "medium")]


def test_without_a_claim_or_without_writing_there_is_no_contradiction() -> None:
    assert found_by(cap_005_read_only.RULE, subject(module(UNLINK), 'purpose = "x"')) == []
    assert found_by(cap_005_read_only.RULE, subject(module("fd_readdir"), READ_ONLY)) == []


# HW-CAP-006


def test_ordinary_imports_are_one_piece_of_information() -> None:
    looked_at = subject(module("environ_get", "random_get", "clock_time_get", "fd_write"))

    found = one(cap_006_ordinary.RULE, looked_at)

    assert "env, clock.wall, clock.monotonic, random" in found.message
    assert len(found.evidence) == 3


def test_what_is_granted_is_not_listed() -> None:
    looked_at = subject(module("random_get", "environ_get"), entry=entry_of("random"))

    assert "for env," in one(cap_006_ordinary.RULE, looked_at).message


def test_streams_and_arguments_need_no_grant() -> None:
    looked_at = subject(module("fd_write", "args_get", "proc_exit"))

    assert found_by(cap_006_ordinary.RULE, looked_at) == []


# HW-CAP-007


def test_a_grant_without_a_function_is_found_at_its_place() -> None:
    looked_at = subject(module("random_get"), entry=entry_of("random", "clock"))

    found = one(cap_007_dead_grant.RULE, looked_at)

    assert found.evidence[0].field == ("tools", "tool", "allow", 1)
    assert found.remediation == "hatchway revoke tool clock"


def test_the_command_quotes_what_a_shell_would_split() -> None:
    looked_at = subject(module(), entry=entry_of("fs.write=./my files:/files;shared"))

    found = one(cap_007_dead_grant.RULE, looked_at)

    assert found.remediation == (
        "hatchway revoke tool 'fs.write=/srv/project/my files:/files;shared'"
    )


def test_the_value_of_a_variable_is_never_shown() -> None:
    looked_at = subject(module(), entry=entry_of("env=ACME_TOKEN=s3cret"))

    found = one(cap_007_dead_grant.RULE, looked_at)

    assert "s3cret" not in repr(found)
    assert "hatchway.toml" in str(found.remediation)


def test_a_policy_is_needed_for_dead_power() -> None:
    assert found_by(cap_007_dead_grant.RULE, subject(module())) == []


# HW-CAP-008


def neighbour(*allow: str, name: str) -> Neighbour:
    return Neighbour(owner=name, tools=(), entry=entry_of(*allow, name=name))


NOTES = neighbour("fs.read=/srv/notes", name="notes")
WORDS = neighbour("net.http=https://words.example.com", name="words")
BOTH = neighbour("fs.read=/srv/notes", "net.http=https://words.example.com", name="both")
BETWEEN = neighbour("tool=words", name="between")


@pytest.mark.parametrize(
    ("allow", "is_found"),
    [
        (("tool=notes", "tool=words"), True),
        (("tool=notes", "tool=between"), True),
        (("tool=notes.find", "tool=words.look"), True),
        (("fs.read=/srv/own", "tool=words"), True),
        (("net.http=https://e.org", "tool=notes"), True),
        (("tool=both",), False),  # that is a finding about `both`
        (("tool=notes",), False),
        (("tool=words", "tool=between"), False),
        (("fs.read=/srv/own", "net.http=https://e.org"), False),
        (("tool=notes", "tool=gone"), False),
    ],
)
def test_tools_that_read_and_send_are_found_where_one_entry_may_call_both(
    allow: tuple[str, ...], is_found: bool
) -> None:
    looked_at = subject_with(entry_of(*allow), neighbours=(NOTES, WORDS, BOTH, BETWEEN))

    assert bool(found_by(cap_008_tools_together.RULE, looked_at)) == is_found


def test_both_ends_are_shown_with_their_lines() -> None:
    looked_at = subject_with(entry_of("tool=notes", "tool=between"),
                             neighbours=(NOTES, WORDS, BETWEEN))  # fmt: skip

    found = one(cap_008_tools_together.RULE, looked_at)

    assert [each.field for each in found.evidence] == [
        ("tools", "notes", "allow", 0),
        ("tools", "words", "allow", 0),
    ]


def test_a_neighbour_without_an_entry_holds_nothing() -> None:
    looked_at = subject_with(entry_of("tool=notes", "tool=words"),
                             neighbours=(WORDS, Neighbour(owner="notes", tools=())))  # fmt: skip

    assert found_by(cap_008_tools_together.RULE, looked_at) == []
