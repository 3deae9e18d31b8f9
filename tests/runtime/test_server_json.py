"""The registry's document as a value: bounded, and only of what everybody can get."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_schema import misfits
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.policy.document import ToolPolicy
from hatchway.provenance.lockfile import LockedTool
from hatchway.runtime.server_json import (
    MAX_PUBLISHERS_BYTES,
    PUBLISHERS,
    parse_listing,
    published_reference,
    server_json,
)

DIGEST = f"sha256:{'0' * 64}"
LISTING = parse_listing("io.github.acme/texts", "1.0.0", None, "hatchway==0.1.0")


def pinned(source: str, resolved: str | None = None) -> LockedTool:
    return LockedTool(
        source=source,
        resolved=resolved or f"{source}@{DIGEST}",
        digest=DIGEST,
        size=8,
        kind="module",
        imports=(),
        tools={},
    )


def document(*sources: str) -> dict[str, Any]:
    """Of tools called `t00`, `t01` and so on, from these sources."""
    tools = {f"t{number:02}": source for number, source in enumerate(sources)}
    return server_json(
        LISTING,
        {
            name: (ToolPolicy(name=name, source=source), pinned(source))
            for name, source in tools.items()
        },
    )


@patient
@given(st.integers(1, 40), st.integers(1, 40))
def test_what_a_registry_keeps_is_whole_or_refused(count: int, length: int) -> None:
    sources = [f"oci://ghcr.io/{'a' * length}/t{number}:1" for number in range(count)]
    kept = [
        {"name": f"t{number:02}", "reference": f"{source}@{DIGEST}", "digest": DIGEST}
        for number, source in enumerate(sources)
    ]
    size = len(json.dumps({"hatchway": {"tools": kept}}, separators=(",", ":")))

    if size > MAX_PUBLISHERS_BYTES:
        with pytest.raises(ConfigError, match=f"take {size} bytes"):
            document(*sources)
    else:
        made = document(*sources)
        assert misfits(made) == []
        assert made["_meta"][PUBLISHERS] == {"hatchway": {"tools": kept}}


def test_a_character_that_the_registry_spells_longer_counts_as_long() -> None:
    short = "https://example.com/" + "a" * 700
    long = "https://example.com/" + "&" * 700

    assert document(short)["_meta"]
    with pytest.raises(ConfigError, match=r"take 4[0-9]{3} bytes, and a registry keeps 4096"):
        document(long)


@given(st.permutations(["echo", "shout", "text", "logs"]))
def test_the_order_in_which_tools_stand_does_not_matter(names: list[str]) -> None:
    tools = {
        name: (ToolPolicy(name=name, source=""), pinned(f"oci://ghcr.io/acme/{name}"))
        for name in names
    }

    assert list(server_json(LISTING, tools)["_meta"][PUBLISHERS]["hatchway"]["tools"]) == [
        {"name": name, "reference": f"oci://ghcr.io/acme/{name}@{DIGEST}", "digest": DIGEST}
        for name in sorted(names)
    ]


@pytest.mark.parametrize(
    "source",
    [
        "oci://ghcr.io/acme/echo:1",
        "https://example.com/echo.wasm",
        "pypi:echo==1.0#echo.wasm",
        "npm:@acme/echo@1.0.0#echo.wasm",
    ],
)
def test_what_everybody_can_get_is_named_as_the_one_version(source: str) -> None:
    assert published_reference("echo", pinned(source)) == f"{source}@{DIGEST}"


@pytest.mark.parametrize(
    "source",
    [
        "./echo.wasm",
        "/srv/echo.wasm",
        "oci-layout:./shop:1",
        "oci://127.0.0.1:5000/acme/echo:1",
        "oci://localhost:5000/acme/echo:1",
        "http://127.0.0.1:8000/echo.wasm",
        "https://[::1]/echo.wasm",
    ],
)
def test_what_is_on_this_machine_only_is_refused(source: str) -> None:
    is_path = source.startswith((".", "/"))
    with pytest.raises(ConfigError) as caught:
        published_reference("echo", pinned(source, resolved=source if is_path else None))

    assert caught.value.code == "config.not_published"
    assert "hatchway push" in str(caught.value.hint)
