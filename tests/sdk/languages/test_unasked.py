"""Which imports of a Python tool go, by what it asks for."""

from __future__ import annotations

import pytest
from guests import wasm

from hatchway.audit.reading import read_artifact
from hatchway.sdk.languages.unasked import SOCKETS, without_unasked

ALL = {
    "wasi:cli/environment": '(export "get-environment" (func (result (list string))))',
    "wasi:clocks/wall-clock": '(export "now" (func))',
    "wasi:filesystem/types": '(export "d" (type (sub resource)))',
    "wasi:filesystem/preopens": '(export "get-directories" (func (result (list u8))))',
    "wasi:sockets/network": '(export "n" (type (sub resource)))',
    "wasi:sockets/tcp": '(export "connect" (func))',
}


def linked() -> bytes:
    """A component that imports as much as CPython does, in small."""
    imports = "".join(f'(import "{name}@0.2.9" (instance {kind}))' for name, kind in ALL.items())
    return wasm(f"(component {imports})")


def left(artifact: bytes) -> set[str]:
    found = read_artifact(artifact)
    imports = (*found.imports, *found.type_only)
    return {each.namespace.partition("@")[0] for each in imports}


@pytest.mark.parametrize(
    ("asks", "gone"),
    [
        ({"clock"}, {"sockets", "filesystem", "environment"}),
        ({"fs.read", "net.http"}, {"sockets", "environment"}),
        ({"fs.write", "random"}, {"sockets", "environment"}),
        ({"env"}, {"sockets", "filesystem"}),
        ({"net.dns", "env"}, {"filesystem"}),
        ({"net.socket"}, {"filesystem", "environment"}),
    ],
)
def test_what_nobody_asked_for_goes(asks: set[str], gone: set[str]) -> None:
    artifact, notes = without_unasked(linked(), asks)

    assert left(artifact) == {name for name in ALL if not any(each in name for each in gone)}
    assert len(notes) == 1


def test_what_a_tool_loses_is_said() -> None:
    _, notes = without_unasked(linked(), {"clock"})

    assert notes == (
        "stripped: sockets, files, environment (every socket is refused with PermissionError; "
        "no file is found; os.environ is empty)",
    )


def test_a_world_of_its_authors_own_loses_its_sockets_only() -> None:
    artifact, _ = without_unasked(linked(), frozenset(), groups=(SOCKETS,))

    assert left(artifact) == {name for name in ALL if "sockets" not in name}


def test_nothing_is_said_when_nothing_goes() -> None:
    component = wasm('(component (import "wasi:clocks/wall-clock@0.2.9" (instance)))')

    assert without_unasked(component, frozenset()) == (component, ())
