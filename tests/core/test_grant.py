"""What a grant says about the two sources that are granted as a whole."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from hatchway.core.call import Principal
from hatchway.core.capability import Capability, Clock, EnvironmentVariable, RandomSource
from hatchway.core.limits import Limits
from hatchway.core.manifest import ToolManifest
from hatchway.core.tool import Tool
from hatchway.policy.decide import decide
from hatchway.policy.document import Policy, ToolPolicy

if TYPE_CHECKING:
    from hatchway.core.grant import Grant

LANG = EnvironmentVariable(variable="LANG", value="C")


def granted(*allow: Capability) -> Grant:
    tool = Tool(
        name="grep",
        owner="grep",
        digest="sha256:" + "0" * 64,
        manifest=ToolManifest(name=None),
        input_schema={"type": "object"},
        output_schema=None,
    )
    entry = ToolPolicy(name="grep", source="grep.wasm", allow=allow)
    ada = Principal(tenant="local", subject="ada", door="cli")
    return decide(tool, Policy(tools={"grep": entry}), ada)


@pytest.mark.parametrize("allow", [(), (LANG,), (RandomSource(),)])
def test_a_grant_without_a_clock_has_no_clock(allow: tuple[Capability, ...]) -> None:
    assert granted(*allow).has_clock is False


@pytest.mark.parametrize("allow", [(), (LANG,), (Clock(),)])
def test_a_grant_without_a_random_source_has_no_random_source(
    allow: tuple[Capability, ...],
) -> None:
    assert granted(*allow).has_random is False


def test_a_grant_shows_the_sources_it_has() -> None:
    grant = granted(LANG, RandomSource(), Clock())

    assert (grant.has_clock, grant.has_random) == (True, True)


def test_a_grant_cannot_be_changed_once_it_is_made() -> None:
    grant = granted()

    with pytest.raises(dataclasses.FrozenInstanceError):
        grant.limits = Limits(fuel=1 << 60)  # type: ignore[misc]  # that it is refused is the point
