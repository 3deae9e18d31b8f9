"""A surface survives the compiled cache unchanged."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from strategies import identifiers, patient, wit_types

from hatchway.core.surface import Surface
from hatchway.core.wit import WitFunction

functions = st.builds(
    WitFunction,
    name=identifiers(),
    interface=st.none() | identifiers(),
    parameters=st.lists(st.tuples(identifiers(), wit_types(2)), max_size=3).map(tuple),
    result=st.none() | wit_types(2),
)
names = st.lists(identifiers(), max_size=3).map(tuple)
sizes = st.none() | st.integers(0, 1 << 32)
surfaces = st.builds(
    Surface,
    kind=st.sampled_from(("module", "component")),
    imports=names,
    is_command=st.booleans(),
    functions=st.lists(functions, max_size=3).map(tuple),
    exports=names,
    memory_min_bytes=sizes,
    memory_max_bytes=sizes,
)


@patient
@given(surfaces)
def test_a_surface_survives_being_written_as_json(surface: Surface) -> None:
    written = json.dumps(surface.to_json())

    assert Surface.from_json(json.loads(written)) == surface


def test_a_module_that_says_nothing_exports_no_functions_and_asks_for_no_memory() -> None:
    surface = Surface(kind="module", imports=(), is_command=False)

    assert (surface.functions, surface.exports) == ((), ())
    assert (surface.memory_min_bytes, surface.memory_max_bytes) == (None, None)
