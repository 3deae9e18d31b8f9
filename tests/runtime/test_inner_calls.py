"""Tools that call tools: each inner call is a call like any other."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tool_guests import CAT, MATHS, Workshop, caller, nested, spelled

from hatchway.core.call import Cancellation
from hatchway.core.capability import FileAccess
from hatchway.core.limits import Limits
from hatchway.core.redaction import Redactor
from hatchway.core.secret import Secret
from hatchway.runtime.generations import Generation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.call import Outcome
    from hatchway.core.events import Event

SUM = spelled(a=1, b=2)


def workshop(*allow: str, limits: Limits | None = None, **entries: Any) -> Workshop:
    """`glue`, which was granted `allow`, beside `math` and others."""
    glue = {"allow": allow, "limits": limits or Limits()}
    return Workshop(guests={"glue": caller(), "math": MATHS}, entries={"glue": glue, **entries})


def answer(outcome: Outcome) -> Any:
    """What the glue got: a value, or the code of a failure."""
    (block,) = outcome.content
    found = json.loads(block.to_json()["text"])
    return found["code"] if outcome.is_error else found


def ends(shop: Workshop) -> list[Event]:
    return [event for event in shop.events if event.name.startswith("call.")]


# A call


def test_an_inner_call_gives_back_the_value_itself() -> None:
    shop = workshop("tool=math")

    outcome = shop.call("glue.call", name="math.add", arguments=SUM)

    assert answer(outcome) == 3


@pytest.mark.claim("tools.events")
def test_an_inner_call_leaves_one_terminal_event_that_names_its_caller() -> None:
    shop = workshop("tool=math")

    shop.call("glue.call", name="math.add", arguments=SUM)

    inner, outer = ends(shop)
    assert (inner.tool, inner.depth, inner.parent_call_id) == ("math.add", 2, outer.call_id)
    assert (outer.tool, outer.depth, outer.parent_call_id) == ("glue.call", 0, None)
    assert inner.call_id != outer.call_id
    assert inner.principal == outer.principal
    assert outer.details == {"inner_calls": 1}


def test_the_arguments_of_an_inner_call_are_checked_like_a_clients() -> None:
    shop = workshop("tool=math")

    outcome = shop.call("glue.call", name="math.add", arguments=spelled(a=1))

    assert answer(outcome) == "call.invalid_arguments"
    assert [event.code for event in ends(shop)] == ["call.invalid_arguments", None]


@pytest.mark.parametrize(
    ("function", "code"),
    [("trap", "guest.trapped"), ("spin", "guest.fuel_exhausted"), ("eat", "guest.trapped")],
)
def test_a_tool_that_ends_badly_is_a_failure_that_its_caller_outlives(
    function: str, code: str
) -> None:
    shop = workshop("tool=math", math={"limits": Limits(fuel=5_000_000)})

    outcome = shop.call(
        "glue.twice",
        name=f"math.{function}",
        arguments="{}",
        name2="math.add",
        arguments2=SUM,
    )

    assert answer(outcome) == 3
    assert [event.code for event in ends(shop)] == [code, None, None]


def test_a_file_of_a_command_comes_back_as_text(directory: int) -> None:
    shop = reading(directory)

    outcome = shop.call("glue.call", name="cat", arguments="{}")

    assert answer(outcome) == "nobody's business"


# Grants


@pytest.mark.claim("tools.grants")
@pytest.mark.parametrize(
    ("allow", "asked", "expected"),
    [
        ("tool=math", "math.add", 3),
        ("tool=math.add", "math.add", 3),
        ("tool=math.echo", "math.add", "capability.denied"),
        ("tool=math.ad", "math.add", "capability.denied"),
        ("clock", "math.add", "capability.denied"),
        ("tool=math", "glue.call", "capability.denied"),
    ],
)
def test_only_what_was_granted_can_be_called(allow: str, asked: str, expected: object) -> None:
    shop = workshop(allow, "tool=math.spin")

    outcome = shop.call("glue.call", name=asked, arguments=SUM)

    assert answer(outcome) == expected


def test_a_grant_of_a_tool_that_is_not_there_refuses_the_call_and_says_so() -> None:
    shop = workshop("tool=mat")

    outcome = shop.call("glue.call", name="math.add", arguments=SUM)

    assert outcome.error is not None
    assert outcome.error.code == "call.not_authorized"
    assert outcome.error.message == "tool=mat is allowed to 'glue', but no entry is called 'mat'"
    assert outcome.error.hint == "hatchway add SOURCE --name mat, or: hatchway revoke glue tool=mat"


@pytest.mark.claim("tools.grants")
def test_what_is_not_granted_and_what_is_not_there_look_the_same_inside() -> None:
    shop = workshop("tool=math.echo")

    there, absent = (
        shop.call("glue.call", name=name, arguments="{}") for name in ("math.add", "math.none")
    )

    assert there.content == absent.content
    assert there.denials[0].wanted == "tool=math.add"
    assert absent.denials[0].wanted == ""


def test_a_denial_is_on_record_with_the_grant_that_would_lift_it() -> None:
    shop = workshop("tool=math.echo")

    shop.call("glue.call", name="math.add", arguments="{}")

    denial, end = shop.events
    assert (denial.name, denial.tool, denial.attempted) == (
        "capability.denied", "glue.call", "math.add",
    )  # fmt: skip
    assert denial.details == {"hint": "hatchway grant glue tool=math.add"}
    assert end.details == {"inner_refused": 1}


def test_a_tool_that_was_granted_none_is_denied_every_one() -> None:
    shop = workshop()

    outcomes = [
        shop.call("glue.call", name="math.add", arguments=SUM),
        shop.call("glue.describe", name="math.add"),
    ]

    assert [answer(outcome) for outcome in outcomes] == ["capability.denied"] * 2
    found = shop.call("glue.search", query="add", most=5)
    assert found.structured == {"result": "[]"}
    assert [denial.attempted for denial in found.denials] == ["search"]


def test_a_function_that_a_granted_tool_does_not_have_is_unknown() -> None:
    shop = workshop("tool=math")

    called = shop.call("glue.call", name="math.none", arguments="{}")
    described = shop.call("glue.describe", name="math.none")

    assert answer(called) == answer(described) == "call.unknown_tool"


@pytest.mark.claim("tools.no-inheritance")
@pytest.mark.parametrize("holder", ["glue", "cat"])
def test_no_power_goes_from_one_tool_to_the_other(holder: str, directory: int) -> None:
    shop = reading(directory, holder=holder)

    outcome = shop.call("glue.call", name="cat", arguments="{}")

    assert outcome.is_error == (holder == "glue")
    denied = [event.tool for event in shop.events if event.name == "capability.denied"]
    assert denied == (["cat"] if holder == "glue" else [])


def test_a_search_finds_only_what_was_granted() -> None:
    shop = workshop("tool=math.add", "tool=math.echo")

    outcome = shop.call("glue.search", query="", most=9)

    assert outcome.structured is not None
    found = json.loads(outcome.structured["result"])
    assert [item["name"] for item in found] == ["math.add", "math.echo"]


def test_a_description_has_the_schemas_that_a_call_goes_by() -> None:
    shop = workshop("tool=math")

    described = answer(shop.call("glue.describe", name="math.add"))

    assert described["name"] == "math.add"
    assert described["input"]["required"] == ["a", "b"]
    assert described["output"]["type"] == "integer"


# Depth


@pytest.mark.claim("tools.depth")
@pytest.mark.parametrize(("levels", "is_too_deep"), [(2, False), (3, True), (9, True)])
def test_a_tool_that_calls_itself_comes_to_an_end(levels: int, is_too_deep: bool) -> None:
    shop = workshop("tool=math", "tool=glue")

    outcome = shop.call("glue.call", **nested("glue", levels, "math.add", SUM))

    assert outcome.is_error == is_too_deep
    assert max(event.depth for event in ends(shop)) == 4
    assert ("call.too_deep" in str(outcome.content)) == is_too_deep


def test_four_calls_inside_each_other_have_room_on_the_stack_of_a_thread() -> None:
    # Each of the four uses most of the 512 KiB that a guest has.
    shop = workshop("tool=math", "tool=glue")
    frames = 4000
    arguments = SUM
    name = "math.add"
    for _ in range(2):
        arguments = spelled(name=name, arguments=arguments, frames=frames)
        name = "glue.deep"
    outcomes: list[Outcome] = []

    def call() -> None:
        outcomes.append(shop.call("glue.deep", name=name, arguments=arguments, frames=frames))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [outcome.is_error for outcome in outcomes] == [False] * 4


def test_a_guest_that_uses_up_its_stack_before_it_calls_is_told_so_itself() -> None:
    shop = workshop("tool=math", "tool=glue")
    inner = spelled(name="math.add", arguments=SUM, frames=10_000_000)

    outcome = shop.call("glue.call", name="glue.deep", arguments=inner)

    assert answer(outcome) == "guest.trapped"


# Budgets


@pytest.mark.claim("tools.budgets")
def test_a_call_makes_so_many_calls_and_no_more() -> None:
    shop = workshop("tool=math", limits=Limits(inner_calls=3))

    outcome = shop.call("glue.again", name="math.add", arguments=SUM, times=5)

    assert answer(outcome) == "call.budget_exhausted"
    assert ends(shop)[-1].details == {"inner_calls": 3, "inner_refused": 2}
    assert len(ends(shop)) == 4


@pytest.mark.claim("tools.budgets")
def test_the_calls_of_the_whole_tree_count() -> None:
    shop = workshop("tool=math", "tool=glue", limits=Limits(inner_calls=3))
    again = spelled(name="math.add", arguments=SUM, times=5)

    shop.call("glue.call", name="glue.again", arguments=again)

    assert sum(event.tool == "math.add" for event in ends(shop)) == 2


def test_a_tool_in_the_middle_keeps_its_own_smaller_budget() -> None:
    other = {"allow": ("tool=math",), "limits": Limits(inner_calls=2)}
    shop = Workshop(
        guests={"glue": caller(), "other": caller(), "math": MATHS},
        entries={"glue": {"allow": ("tool=other",)}, "other": other},
    )
    again = spelled(name="math.add", arguments=SUM, times=5)

    shop.call("glue.twice", name="other.again", arguments=again,
              name2="other.again", arguments2=again)  # fmt: skip

    assert sum(event.tool == "math.add" for event in ends(shop)) == 4


@pytest.mark.claim("tools.budgets")
def test_fuel_that_inner_calls_used_is_gone_for_the_next() -> None:
    shop = workshop("tool=math", limits=Limits(inner_fuel=1_000_000))

    outcome = shop.call(
        "glue.twice", name="math.spin", arguments="{}", name2="math.add", arguments2=SUM
    )

    spin, end = ends(shop)
    assert (spin.code, spin.usage and spin.usage.fuel) == ("guest.fuel_exhausted", 1_000_000)
    assert answer(outcome) == "call.budget_exhausted"
    assert end.details == {"inner_calls": 1, "inner_refused": 1}


@pytest.mark.parametrize(
    ("caller", "own", "is_the_callers"),
    [(1_000_000, 2_000_000, True), (2_000_000, 1_000_000, False)],
)
def test_whose_limit_ended_an_inner_call_is_said(
    caller: int, own: int, is_the_callers: bool
) -> None:
    shop = workshop(
        "tool=math", limits=Limits(inner_fuel=caller), math={"limits": Limits(fuel=own)}
    )

    outcome = shop.call("glue.call", name="math.spin", arguments="{}")

    (block,) = outcome.content
    failure = json.loads(block.to_json()["text"])
    assert failure["code"] == "guest.fuel_exhausted"
    assert ("inner_fuel in the caller's limits" in failure["message"]) == is_the_callers


def test_fuel_that_inner_calls_left_is_there_for_the_next() -> None:
    shop = workshop("tool=math", limits=Limits(inner_fuel=100_000))

    outcome = shop.call("glue.again", name="math.add", arguments=SUM, times=100)

    assert answer(outcome) == 3


def test_fuel_of_a_call_that_never_ran_is_given_back() -> None:
    shop = workshop("tool=math", limits=Limits(inner_fuel=100_000))

    outcome = shop.call(
        "glue.twice", name="math.none", arguments="{}", name2="math.add", arguments2=SUM
    )

    assert answer(outcome) == 3


@pytest.mark.claim("tools.budgets")
def test_a_call_within_a_call_within_one_cannot_use_the_same_fuel_twice() -> None:
    # The call in the middle has all of it set aside, so none is left for the one below.
    shop = workshop("tool=math", "tool=glue", limits=Limits(fuel=10_000_000, inner_fuel=10_000_000))

    outcome = shop.call("glue.call", **nested("glue", 1, "math.add", SUM))

    assert "call.budget_exhausted" in str(outcome.content)


@pytest.mark.claim("tools.budgets")
def test_an_inner_call_does_not_outlive_the_deadline_of_the_outer_one() -> None:
    patient = Limits(deadline_seconds=60.0, fuel=1 << 60)
    shop = workshop(
        "tool=math",
        limits=Limits(deadline_seconds=0.2, inner_fuel=1 << 60),
        math={"limits": patient},
    )

    outcome = shop.call("glue.call", name="math.spin", arguments="{}")

    assert outcome.error is not None
    assert outcome.error.code == "guest.deadline_exceeded"
    assert [event.code for event in ends(shop)] == ["guest.deadline_exceeded"] * 2


def test_after_a_deadline_nobody_knows_the_fuel_and_all_of_it_counts() -> None:
    hasty = Limits(deadline_seconds=0.1, fuel=1 << 60)
    shop = workshop("tool=math", limits=Limits(inner_fuel=1 << 60), math={"limits": hasty})

    outcome = shop.call(
        "glue.twice", name="math.spin", arguments="{}", name2="math.add", arguments2=SUM
    )

    assert answer(outcome) == "call.budget_exhausted"


# Cancellation and withdrawal


class Spinning:
    """A call of `glue` on a thread of its own, in which `math.spin` runs or is about to."""

    def __init__(self, shop: Workshop, cancellation: Cancellation | None = None) -> None:
        self.outcomes: list[Outcome] = []
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(shop, cancellation))
        shop.on_event = lambda _event: self._begun.set()

    def _run(self, shop: Workshop, cancellation: Cancellation | None) -> None:
        spin = {"name2": "math.spin", "arguments2": "{}"}
        self.outcomes.append(
            shop.call("glue.twice", cancellation, name="math.add", arguments=SUM, **spin)
        )

    def __enter__(self) -> None:
        """Wait until the first inner call is over, which leaves the spinning one."""
        self._thread.start()
        assert self._begun.wait(30)

    def __exit__(self, *_: object) -> None:
        """Wait until all of it is over."""
        self._thread.join()


PATIENT = Limits(fuel=1 << 60, inner_fuel=1 << 60, deadline_seconds=30.0)


@pytest.mark.claim("tools.withdrawal")
def test_cancelling_a_call_stops_what_it_called() -> None:
    shop = workshop("tool=math", limits=PATIENT, math={"limits": PATIENT})
    cancellation = Cancellation()
    spinning = Spinning(shop, cancellation)

    with spinning:
        cancellation.request()

    assert [event.code for event in ends(shop)] == [None, "call.cancelled", "call.cancelled"]


@pytest.mark.claim("tools.withdrawal")
@pytest.mark.parametrize(
    ("entry", "changed", "is_withdrawn"),
    [
        ("math", {"limits": Limits(fuel=1000)}, True),
        ("math", {"allow": ("clock",)}, False),
        ("glue", {"allow": ()}, True),
        ("glue", {"allow": ("tool=math.spin",)}, True),
        ("glue", {"allow": ("tool=math", "random")}, False),
        ("other", {"limits": Limits(fuel=1000)}, False),
    ],
)
def test_a_call_is_withdrawn_when_something_is_taken_from_what_it_may_call(
    entry: str, changed: dict[str, Any], is_withdrawn: bool
) -> None:
    brief = {"limits": replace(PATIENT, deadline_seconds=30.0 if is_withdrawn else 0.2)}
    shop = Workshop(
        guests={"glue": caller(), "math": MATHS, "other": MATHS},
        entries={"glue": {"allow": ("tool=math",), **brief}, "math": brief, "other": brief},
    )
    spinning = Spinning(shop)

    with spinning:
        withdrawn = shop.runtime.replace(Generation(shop.catalog(**{entry: changed})))

    (outcome,) = spinning.outcomes
    assert outcome.error is not None
    codes = ("call.cancelled", "guest.deadline_exceeded")
    assert (withdrawn, outcome.error.code) == (int(is_withdrawn), codes[not is_withdrawn])


@pytest.mark.claim("tools.withdrawal")
def test_a_call_is_withdrawn_when_a_tool_that_it_may_call_is_gone() -> None:
    shop = workshop("tool=math", limits=PATIENT, math={"limits": PATIENT})
    catalog = shop.catalog()
    entries = {name: entry for name, entry in catalog.entries.items() if name != "math.echo"}
    spinning = Spinning(shop)

    with spinning:
        withdrawn = shop.runtime.replace(Generation(replace(catalog, entries=entries)))

    assert withdrawn == 1
    assert [event.code for event in ends(shop)][1:] == ["call.cancelled"] * 2


# Results


@pytest.mark.claim("tools.secrets")
def test_a_secret_in_an_inner_result_is_taken_out_before_the_caller_sees_it() -> None:
    shop = workshop("tool=math")
    redactor = Redactor([("KEY", Secret("hunter2-hunter2"))])
    shop.runtime.replace(Generation(replace(shop.catalog(), redactor=redactor)))

    outcome = shop.call("glue.call", name="math.echo", arguments=spelled(text="hunter2-hunter2"))

    assert "hunter2" not in str(outcome)
    leaks = [event.tool for event in shop.events if event.name == "secret.leak_blocked"]
    assert leaks == ["math.echo"]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """A directory of the host with a file in it."""
    (tmp_path / "f").write_text("nobody's business")
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def reading(descriptor: int, holder: str = "cat") -> Workshop:
    """`glue` may call `cat`; `holder` was granted the directory."""
    access = FileAccess(access="read", guest_path="/d", host_path="/d")
    granted: dict[str, Any] = {"glue": ("tool=cat",), "cat": ()}
    granted[holder] = (*granted[holder], access)
    return Workshop(
        guests={"glue": caller(), "cat": CAT},
        entries={name: {"allow": allow} for name, allow in granted.items()},
        policy={"directories": {access: descriptor}},
    )
