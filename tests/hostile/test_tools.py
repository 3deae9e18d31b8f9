"""Guests that attack `hatchway:tools/tools`: its texts, its types, and what the host keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from guests import grant, prepared, sandbox, wasm
from tool_guests import CALL, DESCRIBE, FAILURE, MATHS, SEARCH, Workshop, caller, spelled

from hatchway.core.errors import AdmissionError
from hatchway.core.limits import Limits
from hatchway.core.sandbox import FunctionInvocation
from hatchway.core.tools import ToolAnswer
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.call import Execution

SUM = spelled(a=1, b=2)
ROOMY = Limits(memory_bytes=256 << 20, output_bytes=32 << 20)


def shop(**glue: Any) -> Workshop:
    facts = {"allow": ("tool=math",), "limits": ROOMY, **glue}
    return Workshop(
        guests={"glue": caller(), "math": MATHS}, entries={"glue": facts, "math": {"limits": ROOMY}}
    )


def failure(text: str, name: str = "math.add") -> dict[str, str]:
    outcome = shop().call("glue.call", name=name, arguments=text)
    assert outcome.is_error
    found: dict[str, str] = json.loads(outcome.content[0].to_json()["text"])
    return found


# Texts


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "3", '"a"', "{'a': 1}", '{"a": NaN}', '{"a": 1e999}', "{}{}", "\0"],
)
def test_arguments_that_are_no_json_object_are_refused(text: str) -> None:
    assert failure(text)["code"] == "call.invalid_arguments"


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize(
    ("ends", "depth"), [("[]", 65), ("[]", 4_000_000), ('{"a":}', 65), ('{"a":}', 100_000)]
)
def test_arguments_of_any_depth_are_refused(ends: str, depth: int) -> None:
    opening, closing = ends[:-1], ends[-1]

    found = failure('{"a":' + opening * depth + "1" + closing * depth + "}")

    assert found["code"] == "call.invalid_arguments"


class Stub:
    """`Tools` that answer whatever they are told to."""

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.asked: list[Any] = []

    def search(self, query: str, most: int) -> list[dict[str, Any]]:
        self.asked.append((query, most))
        return []

    def describe(self, name: str) -> ToolAnswer:
        self.asked.append(name)
        return self._answer()

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        self.asked.append((name, arguments))
        return self._answer()

    def _answer(self) -> ToolAnswer:
        if isinstance(self.value, BaseException):
            raise self.value
        return ToolAnswer(value=self.value)


def asked(tools: Stub, function: str = "call", **arguments: Any) -> Execution:
    """A run of the guest, past the checks of what a client may send."""
    invocation = FunctionInvocation(function=function, arguments=arguments)
    return sandbox().run(prepared(caller()), invocation, grant(limits=ROOMY), None, None, tools)


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize("excess", [0, 1, 20 << 20])
def test_arguments_as_large_as_a_clients_may_be_pass_and_no_larger_ones(excess: int) -> None:
    tools = Stub()
    around = len(spelled(text=""))
    text = spelled(text="x" * ((8 << 20) - around + excess))

    execution = asked(tools, name="n", arguments=text)

    assert execution.failed == (excess > 0)
    assert len(tools.asked) == int(excess == 0)


@pytest.mark.claim("tools.hostile")
def test_names_and_queries_of_any_length_are_not_held() -> None:
    tools = Stub()

    asked(tools, "describe", name="x" * (20 << 20))
    asked(tools, "search", query="x" * (20 << 20), most=3)

    assert tools.asked == [""]


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize("failure", [ValueError("private"), RecursionError(), KeyboardInterrupt()])
def test_no_exception_of_the_hosts_crosses_the_guest(failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        asked(Stub(failure), name="n", arguments="{}")

    assert not asked(Stub(), name="n", arguments="{}").failed


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize("value", ["\ud800", {"\udfff": ["\x00"]}, 10**4000, [[]] * 1000, None])
def test_any_value_arrives_as_json(value: Any) -> None:
    execution = asked(Stub(value), name="n", arguments="{}")

    assert json.loads(execution.value) == value


@pytest.mark.claim("tools.hostile")
def test_an_answer_that_is_too_large_as_json_is_not_held() -> None:
    # A character outside ASCII is spelled with six.
    found = failure(json.dumps({"text": "\u2028" * 2_000_000}, ensure_ascii=False), "math.echo")

    assert found["code"] == "guest.output_too_large"


@pytest.mark.claim("tools.hostile")
def test_an_answer_that_does_not_fit_into_the_callers_memory_is_the_callers_end() -> None:
    small = shop(limits=Limits(memory_bytes=4 << 20, output_bytes=32 << 20))

    outcome = small.call("glue.call", name="math.echo", arguments=spelled(text="x" * 3_000_000))

    assert outcome.error is not None
    assert outcome.error.code in ("guest.trapped", "guest.memory_exceeded")
    assert not small.call("glue.call", name="math.add", arguments=SUM).is_error


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize(
    "name",
    [
        "", ".", "math", "math.", ".add", "math..add", "../math.add", "math.add\n", "math.add\0",
        "\x1b[2Jmath", "\u202emath.add", "MATH.ADD", "math.add ", "mаth.add", "x" * 10_000,
        "math." + "x" * 1_000_000, "*", "tool=math", "math;shared",
    ],
)  # fmt: skip
def test_a_name_that_is_none_calls_nothing_and_harms_no_log(name: str) -> None:
    works = shop()

    outcome = works.call("glue.call", name=name, arguments=SUM)

    assert outcome.is_error
    for event in works.events:
        shown = f"{event.attempted}{event.message}{event.tool}"
        assert shown.isprintable()
        assert len(shown) < 4096
    assert not any(event.name == "call.completed" for event in works.events)


@pytest.mark.claim("tools.hostile")
def test_more_denials_than_are_listed_are_counted() -> None:
    works = shop(allow=(), limits=Limits(host_calls=1000))

    outcome = works.call("glue.again", name="math.add", arguments=SUM, times=2000)

    assert outcome.error is not None
    assert outcome.error.code == "guest.host_calls_exceeded"
    assert [event.name for event in works.events] == ["capability.denied", "call.failed"]


@pytest.mark.claim("tools.hostile")
@pytest.mark.parametrize("query", ["x" * 100_000, "\0" * 4000, "a " * 2000, "\U0010ffff", "((((("])
def test_no_query_breaks_a_search(query: str) -> None:
    outcome = shop().call("glue.search", query=query, most=0xFFFF_FFFF)

    assert not outcome.is_error
    assert outcome.structured is not None
    assert len(json.loads(outcome.structured["result"])) <= 5


# Fan-out


@pytest.mark.claim("tools.hostile")
def test_a_tree_that_branches_at_every_call_stays_within_its_budget() -> None:
    limits = Limits(inner_calls=20)
    works = Workshop(
        guests={"glue": caller(), "math": MATHS},
        entries={"glue": {"allow": ("tool=glue", "tool=math"), "limits": limits}},
    )
    arguments = spelled(name="math.add", arguments=SUM, times=50)
    for _ in range(2):
        arguments = spelled(name="glue.again", arguments=arguments, times=50)

    works.call("glue.again", name="glue.again", arguments=arguments, times=50)

    assert len([event for event in works.events if event.name.startswith("call.")]) == 21


@pytest.mark.claim("tools.hostile")
def test_as_many_calls_as_may_run_can_each_make_one_and_one_too_many_is_refused() -> None:
    engine = sandbox()
    places = engine.settings.concurrent_calls
    works = shop()
    taken = [engine._inner_places.acquire(blocking=False) for _ in range(places)]

    refused = works.call("glue.call", name="math.add", arguments=SUM)
    for _ in taken:
        engine._inner_places.release()
    served = works.call("glue.call", name="math.add", arguments=SUM)

    assert "call.overloaded" in str(refused.content)
    assert not served.is_error


# Types


@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize(
    ("was", "other"),
    [
        ('(param "name" string) (param "arguments" string)',
         '(param "name" string) (param "arguments" (list u8))'),
        ('(param "query" string) (param "most" u32)', '(param "query" string) (param "most" u64)'),
        ('(param "query" string) (param "most" u32)', '(param "most" u32) (param "query" string)'),
        ('(param "most" u32) (result string)', '(param "most" u32) (result u32)'),
        ('(export "describe" (func (param "name" string)',
         '(export "describe" (func (param "name" (list string))'),
        ('(field "code" string)', '(field "code" u64)'),
        ('(field "code" string) (field "message" string)', '(field "code" string)'),
        ('(result (result string (error $failure)))', '(result string)'),
    ],
)  # fmt: skip
def test_a_component_that_means_other_types_is_never_run(was: str, other: str) -> None:
    text = f"""(component (import "hatchway:tools/tools@0.1.0" (instance
      (type $failure' {FAILURE}) (export "failure" (type $failure (eq $failure')))
      {SEARCH} {DESCRIBE} {CALL})))"""
    assert was in text
    artifact = wasm(text.replace(was, other))

    with pytest.raises(AdmissionError, match=r"`hatchway:tools/tools@0\.1\.0#") as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@pytest.mark.parametrize("version", ["0.0.1", "0.2.0", "1.0.0", "0.1.0-rc.1"])
def test_other_versions_do_not_link(version: str) -> None:
    artifact = wasm(caller(version))

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@pytest.mark.parametrize("function", ["grant", "call ", "invoke"])
def test_there_are_no_other_functions(function: str) -> None:
    artifact = wasm(f"""(component (import "hatchway:tools/tools@0.1.0" (instance
      (export "{function.strip()}-all" (func (param "name" string))))))""")

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@pytest.mark.parametrize("name", ["call", "search", "describe"])
def test_a_core_module_has_no_such_functions(name: str) -> None:
    artifact = wasm(f"""(module
      (import "hatchway:tools/tools@0.1.0" "{name}" (func (param i32 i32 i32 i32 i32)))
      (memory (export "memory") 1) (func (export "_start")))""")

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"
