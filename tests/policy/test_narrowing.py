"""Which changes of a policy take something away from a call that runs."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import related_capabilities

from hatchway.core.capability import Capability, FileAccess, HttpAccess
from hatchway.core.limits import Limits
from hatchway.policy.cover import covering
from hatchway.policy.document import ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.policy.narrowing import is_narrowed


def entry(*allow: str, limits: Limits | None = None, compiler: str | None = None) -> ToolPolicy:
    return ToolPolicy(
        name="grep",
        source="grep.wasm",
        allow=tuple(parse_capability(text, side="allowed", base="/base") for text in allow),
        limits=limits or Limits(),
        compiler=compiler,  # type: ignore[arg-type]  # the tests name both
    )


def allowing(*allow: Capability) -> ToolPolicy:
    return ToolPolicy(name="grep", source="grep.wasm", allow=allow)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["clock"], []),
        (["clock", "random"], ["clock"]),
        (["fs.write=/srv:/srv"], ["fs.read=/srv:/srv"]),
        (["fs.read=/srv:/data"], ["fs.read=/srv/docs:/data"]),
        (["fs.read=/srv:/data"], ["fs.read=/other:/data"]),
        (["fs.write=/srv:/srv"], ["fs.write=/srv:/srv;quota=1MiB"]),
        (["fs.write=/srv:/srv;quota=2MiB"], ["fs.write=/srv:/srv;quota=1MiB"]),
        (["env=MODE=fast"], ["env=MODE=slow"]),
        (["env=MODE=fast"], ["env=MODE"]),
        (["net.http=https://example.com"], ["net.http=https://example.com;methods=GET"]),
        (["net.http=https://example.com"], ["net.http=https://example.com;private"]),
        (["net.http=https://example.com;internal"], ["net.http=https://example.com"]),
    ],
)
def test_less_than_before_is_narrower(before: list[str], after: list[str]) -> None:
    assert is_narrowed(entry(*before), entry(*after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], ["clock"]),
        (["clock"], ["random", "clock"]),
        (["fs.read=/srv:/srv"], ["fs.write=/srv:/srv"]),
        (["fs.read=/srv/docs:/srv/docs"], ["fs.read=/srv:/srv"]),
        (["fs.write=/srv:/srv;quota=1MiB"], ["fs.write=/srv:/srv"]),
        (["fs.write=/srv:/srv;quota=1MiB"], ["fs.write=/srv:/srv;quota=1MiB"]),
        (["fs.write=/srv:/srv;shared"], ["fs.write=/srv:/srv"]),
        (["net.http=https://example.com;private"], ["net.http=https://example.com"]),
        (["net.http=https://example.com;methods=GET"], ["net.http=https://example.com"]),
    ],
)
def test_as_much_as_before_or_more_is_not(before: list[str], after: list[str]) -> None:
    assert not is_narrowed(entry(*before), entry(*after))


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("limit", [field.name for field in fields(Limits)])
def test_every_limit_that_becomes_smaller_is_narrower(limit: str) -> None:
    larger = replace(Limits(), scratch_bytes=1 << 20)
    smaller = replace(larger, **{limit: getattr(larger, limit) - 1})

    assert is_narrowed(entry(limits=larger), entry(limits=smaller))
    assert not is_narrowed(entry(limits=smaller), entry(limits=larger))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, False),
        (None, "winch", True),
        ("cranelift", "winch", True),
        ("winch", "winch", False),
        ("winch", None, False),
    ],
)
def test_code_of_a_compiler_that_is_ruled_out_is_narrower(
    before: str | None, after: str | None, expected: bool
) -> None:
    assert is_narrowed(entry(compiler=before), entry(compiler=after)) is expected


@given(st.lists(related_capabilities(), max_size=4))
def test_nothing_is_narrower_than_itself(allow: list[Capability]) -> None:
    assert not is_narrowed(allowing(*allow), allowing(*allow))


@given(st.lists(related_capabilities(), max_size=4), st.lists(related_capabilities(), max_size=4))
def test_what_is_added_never_narrows(allow: list[Capability], more: list[Capability]) -> None:
    assert not is_narrowed(allowing(*allow), allowing(*more, *allow))


@given(st.lists(related_capabilities(), max_size=4), st.lists(related_capabilities(), max_size=4))
def test_what_nothing_covers_any_more_always_narrows(
    before: list[Capability], after: list[Capability]
) -> None:
    lost = [held for held in before if covering(after, held) is None]

    if lost:
        assert is_narrowed(allowing(*before), allowing(*after))


@given(
    st.lists(related_capabilities(), max_size=4),
    st.lists(related_capabilities(), max_size=4),
    st.lists(related_capabilities(), max_size=4),
)
def test_a_loss_is_not_hidden_by_a_step_between(
    one: list[Capability], two: list[Capability], three: list[Capability]
) -> None:
    first, second, third = allowing(*one), allowing(*two), allowing(*three)

    if not is_narrowed(first, second) and not is_narrowed(second, third):
        assert not is_narrowed(first, third)


def test_options_are_compared_between_capabilities_of_one_kind_only() -> None:
    files = FileAccess(access="read", guest_path="/srv", host_path="/srv", quota_bytes=1)
    web = HttpAccess(scheme="https", host="example.com", port=443, is_private=True)

    assert is_narrowed(allowing(files), allowing(web))
    assert is_narrowed(allowing(web), allowing(files))
