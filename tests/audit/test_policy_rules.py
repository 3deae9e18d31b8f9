"""What is found in policies: the ceilings, the names, and what is not found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from audit_subjects import (
    MIB,
    artifact_of,
    asking,
    core_module,
    entry_of,
    memory,
    neighbours_in,
    subject_with,
)

from hatchway.audit.rules import (
    pol_001_memory_ceiling,
    pol_002_no_declared_maximum,
    pol_003_cpu_limits,
    pol_004_other_limits,
    pol_005_network_allow_list,
    pol_006_broad_directories,
    pol_007_needless_writes,
    pol_009_secrets_in_the_environment,
    pol_012_networked_in_a_thread,
    pol_013_raw_sockets,
)
from hatchway.audit.subject import Neighbour
from hatchway.core.capability import EnvironmentVariable, FileAccess, HttpAccess, SocketAccess
from hatchway.policy.document import parse_policy

if TYPE_CHECKING:
    from hatchway.audit.finding import Found, Rule, Severity
    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability
    from hatchway.policy.document import ToolPolicy


def found_by(rule: Rule, subject: Subject) -> list[Found]:
    assert rule.check is not None
    return list(rule.check(subject))


def weights(rule: Rule, subject: Subject) -> list[Severity]:
    return [found.severity or rule.severity for found in found_by(rule, subject)]


def one(rule: Rule, subject: Subject) -> Found:
    (found,) = found_by(rule, subject)
    return found


@pytest.mark.parametrize(
    "rule",
    [
        pol_001_memory_ceiling.RULE,
        pol_003_cpu_limits.RULE,
        pol_004_other_limits.RULE,
        pol_005_network_allow_list.RULE,
        pol_006_broad_directories.RULE,
        pol_007_needless_writes.RULE,
        pol_009_secrets_in_the_environment.RULE,
        pol_012_networked_in_a_thread.RULE,
        pol_013_raw_sockets.RULE,
    ],
    ids=lambda rule: rule.id,
)
def test_nothing_is_found_in_defaults_or_without_a_policy(rule: Rule) -> None:
    assert found_by(rule, subject_with()) == []
    assert found_by(rule, subject_with(entry_of("clock", "env=LANG"))) == []


# HW-POL-001, HW-POL-002: memory


def limited(line: str, **changes: Any) -> Subject:
    return subject_with(entry_of(limits=line), **changes)


@pytest.mark.parametrize(
    ("size", "weight"),
    [
        ("64KiB", []),
        ("256MiB", []),
        ("262145KiB", ["medium"]),
        ("1GiB", ["medium"]),
        ("1048577KiB", ["high"]),
        ("4GiB", ["high"]),
    ],
)
def test_memory_weighs_by_the_ceiling_that_it_exceeds(size: str, weight: list[Severity]) -> None:
    subject = limited(f'memory = "{size}"')

    assert weights(pol_001_memory_ceiling.RULE, subject) == weight


@pytest.mark.parametrize(
    ("count", "weight"), [(1, []), (2, ["medium"]), (4, ["medium"]), (9, ["medium"])]
)
def test_memory_counts_once_for_each_memory_and_four_times_at_most(
    count: int, weight: list[Severity]
) -> None:
    modules = [core_module(memory(), path=(number,)) for number in range(count)]
    subject = limited('memory = "256MiB"', artifact=artifact_of(*modules))

    assert weights(pol_001_memory_ceiling.RULE, subject) == weight


def test_a_memory_that_comes_from_elsewhere_is_not_counted_again() -> None:
    artifact = artifact_of(core_module(memory(), memory(is_imported=True)))

    assert (
        weights(pol_001_memory_ceiling.RULE, limited('memory = "256MiB"', artifact=artifact)) == []
    )


def test_a_limit_below_what_a_memory_has_at_start_is_found_with_what_would_do() -> None:
    artifact = artifact_of(core_module(memory(5 * MIB + 1, None)))

    found = one(pol_001_memory_ceiling.RULE, limited('memory = "4MiB"', artifact=artifact))

    assert found.severity is None
    assert found.remediation == 'memory = "6MiB" in the limits, or a build that starts with less'


def test_the_remediation_of_too_much_memory_can_be_written_down_as_it_is() -> None:
    artifact = artifact_of(core_module(memory(), memory()))

    found = one(pol_001_memory_ceiling.RULE, limited('memory = "4GiB"', artifact=artifact))

    assert found.remediation == 'memory = "128MiB" or less in the limits'
    assert found.evidence[0].field == ("tools", "tool", "limits", "memory")


def test_a_memory_without_a_maximum_is_found_in_every_module() -> None:
    modules = (core_module(memory(maximum_bytes=None)), core_module(memory(), path=(1,)))
    inner = core_module(memory(maximum_bytes=None), path=(2, 0))
    subject = subject_with(artifact=artifact_of(*modules, inner))

    found = one(pol_002_no_declared_maximum.RULE, subject)

    assert [item.detail for item in found.evidence] == [
        "a memory of 64KiB at start, without a maximum",
        "a memory in the module at 2.0 of 64KiB at start, without a maximum",
    ]


# HW-POL-003, HW-POL-004: the other limits


@pytest.mark.parametrize(
    ("lines", "weight"),
    [
        ('fuel = 100_000_000_000\ndeadline = "60s"', []),
        ("fuel = 100_000_000_001", ["medium"]),
        ('deadline = "60001ms"', ["medium"]),
        ('fuel = 100_000_000_001\ndeadline = "61s"', ["high"]),
    ],
)
def test_cpu_limits_weigh_more_when_neither_bounds_anything(
    lines: str, weight: list[Severity]
) -> None:
    assert weights(pol_003_cpu_limits.RULE, limited(lines)) == weight


@pytest.mark.parametrize(
    ("fine", "too_much"),
    [
        ("table_elements = 1_000_000", "table_elements = 1_000_001"),
        ("instances = 500", "instances = 501"),
        ("host_calls = 10_000_000", "host_calls = 10_000_001"),
        ('output = "16MiB"', 'output = "17MiB"'),
        ('scratch = "256MiB"', 'scratch = "257MiB"'),
    ],
)
def test_each_other_limit_has_its_ceiling(fine: str, too_much: str) -> None:
    key = fine.partition(" ")[0]

    assert found_by(pol_004_other_limits.RULE, limited(fine)) == []
    found = one(pol_004_other_limits.RULE, limited(too_much))
    assert found.evidence[0].field == ("tools", "tool", "limits", key)
    assert found.remediation is not None
    assert found.remediation.replace("_", "").startswith(fine.replace("_", ""))


@pytest.mark.parametrize(
    ("allow", "number"),
    [
        ("fs.read=/srv/a/b:/b", 0),
        ("fs.write=/srv/a/b:/b;quota=1GiB", 0),
        ("fs.write=/srv/a/b:/b;quota=2GiB", 1),
        ("fs.write=/srv/a/b:/b", 1),
    ],
)
def test_a_writable_directory_needs_a_quota(allow: str, number: int) -> None:
    found = found_by(pol_004_other_limits.RULE, subject_with(entry_of(allow)))

    assert len(found) == number
    assert all(
        item.remediation == "allow 'fs.write=/srv/a/b:/b;quota=64MiB', or what it really needs"
        for item in found
    )


# HW-POL-005: networks


def http(host: str, **more: Any) -> HttpAccess:
    facts: dict[str, Any] = {"scheme": "https", "port": 443, "methods": ("GET",)}
    return HttpAccess(host=host, **(facts | more))


def socket(host: str) -> SocketAccess:
    return SocketAccess(kind="socket", host=host, port=5432)


@pytest.mark.parametrize(
    "capability",
    [
        http("10.0.0.1"), http("[::ffff:169.254.169.254]"), http("0x7f.1"), http("localhost"),
        http("169.254.169.254", is_internal=True), http("metadata", is_internal=True),
        socket("localhost"), socket("vault.internal"),
        SocketAccess(kind="dns", host="*.example.com", port=53),
    ],
    ids=str,
)  # fmt: skip
def test_a_granted_origin_that_leads_inside_is_critical(capability: Capability) -> None:
    assert weights(pol_005_network_allow_list.RULE, subject_with(entry_of(capability))) == [
        "critical"
    ]


@pytest.mark.parametrize(
    "capability",
    [
        http("*.example.com"), http("example.com", is_internal=True),
        http("localhost", is_internal=True), http("10.0.0.1", is_internal=True),
    ],
    ids=str,
)  # fmt: skip
def test_a_granted_origin_that_says_so_is_high_and_blocks_nothing(capability: Capability) -> None:
    assert weights(pol_005_network_allow_list.RULE, subject_with(entry_of(capability))) == ["high"]


@pytest.mark.parametrize("capability", [http("api.example.com"), socket("db.example.com")], ids=str)
def test_a_public_origin_is_fine(capability: Capability) -> None:
    assert found_by(pol_005_network_allow_list.RULE, subject_with(entry_of(capability))) == []


@pytest.mark.parametrize(
    ("capability", "weight", "words"),
    [
        (http("api.example.com", scheme="http", port=80), "medium", "not encrypted"),
        (http("api.example.com", methods=None), "info", "allows every method"),
    ],
    ids=["in the clear", "every method"],
)
def test_an_origin_that_could_be_granted_more_narrowly_is_told_how(
    capability: HttpAccess, weight: Severity, words: str
) -> None:
    found = one(pol_005_network_allow_list.RULE, subject_with(entry_of(capability)))

    assert found.severity == weight
    assert words in found.message
    assert found.remediation is not None


def test_what_goes_in_the_clear_on_purpose_is_said_once() -> None:
    inside = http("db", scheme="http", is_internal=True)

    assert weights(pol_005_network_allow_list.RULE, subject_with(entry_of(inside))) == ["high"]


def test_a_manifest_that_asks_for_such_an_origin_is_high_and_names_the_place() -> None:
    manifest = asking(
        "clock",
        "net.http=http://169.254.169.254",
        optional=["net.dns=*.example.com:53"],
        several=True,
    )
    subject = subject_with(manifest=manifest)

    assert weights(pol_005_network_allow_list.RULE, subject) == ["high", "high"]
    assert [
        item.evidence[0].field for item in found_by(pol_005_network_allow_list.RULE, subject)
    ] == [
        ("tools", 0, "requires", 1, "capability"),
        ("tools", 0, "optional", 0, "capability"),
    ]


# HW-POL-006: directories


def directory(host_path: str | None, *, write: bool = False, guest_path: str = "/d") -> FileAccess:
    return FileAccess(
        access="write" if write else "read", guest_path=guest_path, host_path=host_path
    )


@pytest.mark.parametrize(
    ("host_path", "weight"),
    [
        ("/srv/tool", []),
        ("/home/ada/notes", []),
        ("/opt/tool/data", []),
        ("/", ["high"]),
        ("/srv", ["high"]),
        ("/srv/", ["high"]),
        ("/srv/x/..", ["high"]),
        ("/home/ada", ["high"]),
        ("/Users/ada", ["high"]),
        ("/mnt/disk", ["high"]),
        ("/var/lib", ["high"]),
        ("/etc/tool", ["critical"]),
        ("/ETC", ["critical"]),
        ("/run/docker", ["critical"]),
        ("/proc/1", ["critical"]),
        ("/home/ada/.ssh", ["critical"]),
        ("/home/ada/.aws/sso", ["critical"]),
        ("/srv/project", ["high"]),
        ("/srv/project/data", []),
        (None, ["high"]),
    ],
)
def test_a_directory_weighs_by_what_its_name_says(
    host_path: str | None, weight: list[Severity]
) -> None:
    subject = subject_with(entry_of(directory(host_path)))

    assert weights(pol_006_broad_directories.RULE, subject) == weight


def test_a_directory_around_the_project_is_too_broad() -> None:
    subject = subject_with(entry_of(directory("/work/all")), base="/work/all/of/it")

    assert "the directory of this policy" in one(pol_006_broad_directories.RULE, subject).message


def test_without_a_known_project_only_names_count() -> None:
    subject = subject_with(entry_of(directory("/work/all")), base=None)

    assert found_by(pol_006_broad_directories.RULE, subject) == []


def test_what_the_host_refuses_is_critical_with_its_reason() -> None:
    granted = directory("/srv/tool/link")
    subject = subject_with(entry_of(granted), refused_directories={granted: "leads to /etc"})

    found = one(pol_006_broad_directories.RULE, subject)

    assert found.severity == "critical"
    assert "the host refuses it: leads to /etc" in found.message


@pytest.mark.parametrize(
    ("other", "number"),
    [
        ("/srv/tool/d", 1),
        ("/srv/tool/d/inner", 1),
        ("/srv/tool", 1),
        ("/srv/tool/data", 0),
    ],
)
def test_a_directory_that_another_tool_has_too_is_not_a_tools_own(
    other: str | None, number: int
) -> None:
    neighbour = Neighbour(
        owner="grep", tools=(), entry=entry_of(directory(other), "clock", name="grep")
    )
    nobody = Neighbour(owner="sed", tools=())
    subject = subject_with(entry_of(directory("/srv/tool/d")), neighbours=(neighbour, nobody))

    assert weights(pol_006_broad_directories.RULE, subject) == ["low"] * number


def test_a_directory_that_one_of_two_may_write_to_is_left_to_the_graver_rule() -> None:
    writer = Neighbour(
        owner="grep", tools=(), entry=entry_of(directory("/srv/tool/d", write=True), name="grep")
    )
    subject = subject_with(entry_of(directory("/srv/tool/d")), neighbours=(writer,))

    assert found_by(pol_006_broad_directories.RULE, subject) == []
    assert weights(pol_007_needless_writes.RULE, subject) == ["high"]


# HW-POL-007: writing


@pytest.mark.parametrize(
    ("wanted", "weight"),
    [
        (["fs.write=/d"], []),
        (["fs.write=/d/inner"], []),
        (["fs.write=/"], []),
        (["fs.read=/d", "fs.write=/d/out"], []),
        (["fs.read=/d"], ["high"]),
        (["fs.read=/d/inner"], ["high"]),
        (["fs.write=/data"], ["medium"]),
        (["clock"], ["medium"]),
        ([], ["medium"]),
    ],
)
def test_writing_is_compared_with_what_was_asked(wanted: list[str], weight: list[Severity]) -> None:
    entry = entry_of(directory("/srv/a/d", write=True))
    subject = subject_with(entry, manifest=asking(*wanted))

    assert weights(pol_007_needless_writes.RULE, subject) == weight


def test_what_is_only_read_is_never_too_much_writing() -> None:
    subject = subject_with(entry_of(directory("/srv/a/d")), manifest=asking())

    assert found_by(pol_007_needless_writes.RULE, subject) == []


def test_without_a_manifest_nobody_says_what_is_needed() -> None:
    subject = subject_with(entry_of(directory("/srv/a/d", write=True)))

    assert found_by(pol_007_needless_writes.RULE, subject) == []


def test_the_remediation_is_the_grant_to_write_instead() -> None:
    entry = entry_of("fs.write=/srv/a/d:/d;shared;quota=1MiB")

    found = one(pol_007_needless_writes.RULE, subject_with(entry, manifest=asking("fs.read=/d")))

    assert found.remediation == "allow 'fs.read=/srv/a/d:/d'"


@pytest.mark.parametrize(
    ("ours", "theirs", "number"),
    [
        ("fs.write=/srv/a/b:/d", "fs.read=/srv/a/b:/d", 1),
        ("fs.read=/srv/a/b:/d", "fs.write=/srv/a/b:/d", 1),
        ("fs.write=/srv/a/b:/d", "fs.write=/srv/a/b/c:/d", 1),
        ("fs.read=/srv/a/b:/d", "fs.write=/srv/a:/d", 1),
        ("fs.write=/srv/a/b:/d;shared", "fs.write=/srv/a/b:/d", 1),
        ("fs.write=/srv/a/b:/d;shared", "fs.write=/srv/a/b:/d;shared", 0),
        ("fs.write=/srv/a/b:/d;shared", "fs.read=/srv/a/b:/d", 0),
        ("fs.read=/srv/a/b:/d", "fs.read=/srv/a/b:/d", 0),
        ("fs.write=/srv/a/b:/d", "fs.write=/srv/a/bc:/d", 0),
        ("fs.write=/srv/a/b:/d", "clock", 0),
    ],
)
def test_a_directory_of_two_tools_is_found_when_one_may_write_without_saying_so(
    ours: str, theirs: str, number: int
) -> None:
    neighbours = (
        Neighbour(owner="grep", tools=(), entry=entry_of(theirs, name="grep")),
        Neighbour(owner="sed", tools=()),
    )

    found = found_by(
        pol_007_needless_writes.RULE, subject_with(entry_of(ours), neighbours=neighbours)
    )

    assert len(found) == number
    assert all(item.evidence[1].field == ("tools", "grep", "allow", 0) for item in found)


def test_a_whole_policy_with_two_writers_is_looked_at_from_either_side() -> None:
    text = (
        "version = 1\n"
        '[tools.tool]\nsource = "a"\nallow = ["fs.write=shared:/d"]\n'
        '[tools.grep]\nsource = "b"\nallow = ["fs.write=shared/grep:/d"]\n'
    )
    policy = parse_policy(text, file="hatchway.toml", base="/srv/project")

    for name in policy.tools:
        subject = subject_with(policy.tools[name], neighbours=neighbours_in(policy, name))
        assert weights(pol_007_needless_writes.RULE, subject) == ["high"]


# HW-POL-009: secrets


@pytest.mark.parametrize(
    "variable",
    [
        "GITHUB_TOKEN", "github_token", "NPM_TOKEN", "TOKEN", "GithubToken", "OPENAI_API_KEY",
        "APIKEY", "SIGNING_KEY", "KEY", "DB_PASSWORD", "PASSWORD_FILE", "PGPASSWORD", "SECRET",
        "CLIENT_SECRET_2", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS",
        "DATABASE_URL", "SENTRY_DSN", "SESSION_COOKIE", "SSH_AUTH_SOCK", "KUBECONFIG",
        "AZURE_STORAGE_CONNECTION_STRING", "HTTP_AUTH", "JWT",
    ],
)  # fmt: skip
def test_a_variable_that_is_named_like_a_secret_is_found(variable: str) -> None:
    subject = subject_with(entry_of(EnvironmentVariable(variable=variable)))

    assert weights(pol_009_secrets_in_the_environment.RULE, subject) == ["medium"]


@pytest.mark.parametrize(
    "variable",
    [
        "LANG", "TZ", "PWD", "OLDPWD", "HOME", "MODE", "KEYBOARD", "MONKEY", "MAX_TOKENS",
        "TOKENIZERS_PARALLELISM", "PUBLIC_KEY", "AWS_REGION", "AUTHOR", "PATH", "PATTERN",
        "COMPASS",
    ],
)  # fmt: skip
def test_a_setting_is_not_taken_for_a_secret(variable: str) -> None:
    subject = subject_with(entry_of(EnvironmentVariable(variable=variable)))

    assert found_by(pol_009_secrets_in_the_environment.RULE, subject) == []


def test_no_value_of_a_variable_is_ever_shown() -> None:
    entry = entry_of(EnvironmentVariable(variable="API_KEY", value="hunter2"))

    found = one(pol_009_secrets_in_the_environment.RULE, subject_with(entry))

    assert "hunter2" not in repr(found)
    assert found.evidence[0].detail == "env=API_KEY=…"


def test_a_manifest_that_asks_for_a_secret_is_low_until_it_is_granted() -> None:
    manifest = asking("env=API_KEY", "env=LANG")
    rule = pol_009_secrets_in_the_environment.RULE

    assert weights(rule, subject_with(manifest=manifest)) == ["low"]
    assert weights(rule, subject_with(entry_of("env=API_KEY"), manifest=manifest)) == ["medium"]


# HW-POL-012, HW-POL-013: the network without a kernel wall, and without anybody who looks


def test_what_may_use_the_network_in_a_thread_is_found_with_what_it_may_reach() -> None:
    networked = replace(entry_of("clock", "net.http=https://e.org"), isolation="thread")

    found = one(pol_012_networked_in_a_thread.RULE, subject_with(networked))

    assert [item.detail for item in found.evidence] == [
        'isolation = "thread"',
        "net.http=https://e.org",
    ]
    assert found.evidence[0].field == ("tools", "tool", "isolation")


@pytest.mark.parametrize(
    "entry",
    [
        replace(entry_of("clock"), isolation="thread"),
        replace(entry_of("net.http=https://e.org"), isolation="worker"),
        entry_of("net.http=https://e.org"),
    ],
    ids=["no network", "a worker", "nobody says"],
)
def test_nothing_is_found_in_a_worker_or_without_a_network(entry: ToolPolicy) -> None:
    assert found_by(pol_012_networked_in_a_thread.RULE, subject_with(entry)) == []


@pytest.mark.parametrize(
    ("granted", "weight", "instead"),
    [
        ("net.socket=db.example.com:5432", "medium", "Keep it"),
        ("net.socket=example.com:443", "medium", "Grant net.http=https://example.com instead"),
        ("net.socket=example.com:22", "high", "Keep it"),
        ("net.dns=example.com:53", "low", "Take it away"),
    ],
)
def test_raw_connections_weigh_by_what_the_port_gives(
    granted: str, weight: Severity, instead: str
) -> None:
    found = one(pol_013_raw_sockets.RULE, subject_with(entry_of(granted)))

    assert (found.severity, granted in found.message) == (weight, True)
    assert found.remediation is not None
    assert found.remediation.startswith(instead)
