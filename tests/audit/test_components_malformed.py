"""Components of which something is not as it must be."""

from __future__ import annotations

import pytest
from specimens import assembled
from wasm_bytes import component, leb, many, module, name, section

from hatchway.audit.binary import MalformedError
from hatchway.audit.reading import read_artifact

MODULE, CORE_INSTANCES, CORE_TYPES, COMPONENT, INSTANCES, ALIASES = 1, 2, 3, 4, 5, 6
TYPES, FUNCTIONS, START, IMPORTS, EXPORTS, VALUES = 7, 8, 9, 10, 11, 12

FUNCTION = b"\x40\0\1\0"
INSTANCE = b"\x42" + many(b"\1" + FUNCTION, b"\4\0" + name("f") + b"\1\0")
A_FUNCTION = (section(TYPES, many(FUNCTION)), section(IMPORTS, many(b"\0" + name("f") + b"\1\0")))
AN_INSTANCE = (section(TYPES, many(INSTANCE)), section(IMPORTS, many(b"\0" + name("i") + b"\5\0")))
A_MODULE = (section(MODULE, module()),)
A_CORE_INSTANCE = (*A_MODULE, section(CORE_INSTANCES, many(b"\0\0\0")))
AN_IMPORTER = (
    *A_FUNCTION,
    section(COMPONENT, component(*A_FUNCTION)),
)


def complaint(binary: bytes) -> str:
    with pytest.raises(MalformedError) as raised:
        read_artifact(binary)
    return raised.value.message


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        # Types
        ((section(TYPES, many(b"\x3e")),), "unknown kind of type 0x3e"),
        ((section(TYPES, many(b"\x6c")),), "unknown kind of type 0x6c"),
        ((section(TYPES, many(b"\x70\5")),), "type 5 is used, and there are 0"),
        ((section(TYPES, many(b"\x70\x40")),), "type -64 is used, and there are 0"),
        ((section(TYPES, many(FUNCTION, b"\x70\0")),), "another kind of type than it is"),
        ((section(TYPES, many(b"\x7d", b"\x69\0")),), "another kind of type than it is"),
        ((section(TYPES, many(b"\x72\0")),), "a type consists of nothing"),
        ((section(TYPES, many(b"\x6e\0")),), "a type consists of nothing"),
        ((section(TYPES, many(b"\x6f\0")),), "a type consists of nothing"),
        ((section(TYPES, many(b"\x71\0")),), "a type consists of nothing"),
        ((section(TYPES, many(b"\x72\1" + name("A b") + b"\x7d")),), "is not in kebab case"),
        ((section(TYPES, many(b"\x6d" + many(name("a"), name("A")))),), "two labels have one name"),
        ((section(TYPES, many(b"\x71\1" + name("a") + b"\2")),), "whether there is a type must be"),
        ((section(TYPES, many(b"\x71\1" + name("a") + b"\0\1")),), "what a case refines must be 0"),
        ((section(TYPES, many(b"\x6e" + leb(10_001) + b"\0" * 10_001)),), "at most 10000 may be"),
        ((section(TYPES, many(b"\x40\0\2")),), "the form of a result must be 0 or 1"),
        ((section(TYPES, many(b"\x40\0\1\1")),), "the number of results must be 0x0"),
        ((section(TYPES, many(b"\x3f\x7f\2")),), "whether there is a destructor must be"),
        ((section(TYPES, many(b"\x3f\x7f\1\0")),), "core function 0 is used, and there are 0"),
        ((section(TYPES, many(b"\x42\1\1\x3f\x7f\0")),), "a resource is defined inside a type"),
        ((section(TYPES, many(b"\x42\1\3\0" + name("x") + b"\3\1")),), "declaration 0x3"),
        ((section(TYPES, many(b"\x41\1\5")),), "unknown kind of declaration 0x5"),
        (
            (section(TYPES, many(b"\x41" + many(*[b"\3\0" + name("x") + b"\3\1"] * 2))),),
            "have one name",
        ),
        ((section(CORE_TYPES, many(b"\0\x60\0\0")),), "a subtype is announced"),
        ((section(CORE_TYPES, many(b"\x50\1\5")),), "unknown kind of declaration 0x5"),
        ((section(CORE_TYPES, many(b"\x50\1\2\x11")),), "the sort of an alias must be 0x10"),
        ((section(CORE_TYPES, many(b"\x50\1\2\x10\2")),), "the kind of an alias must be 0x1"),
        ((section(CORE_TYPES, many(b"\x50\1\2\x10\1\0\0")),), "core type 0 is used"),
        ((section(CORE_TYPES, many(b"\x50\1\2\x10\1\2\0")),), "further out than there are"),
        (
            (section(CORE_TYPES, many(b"\x50" + many(*[b"\3" + name("m") + b"\2\0\1"] * 2))),),
            "two exports have one name",
        ),
        (
            (
                section(CORE_TYPES, many(b"\x60\0\0")),
                section(IMPORTS, many(b"\0" + name("m") + b"\0\x11\0")),
            ),
            "core type 0 is used for a module and is none",
        ),
        # Modules and their instances
        ((section(MODULE, b""),), "8 bytes are announced and 0 are left"),
        ((section(MODULE, component()),), "a module does not start as one"),
        ((section(COMPONENT, module()),), "a component does not start as one"),
        ((section(CORE_INSTANCES, many(b"\2")),), "the kind of a core instance must be 0 or 1"),
        ((section(CORE_INSTANCES, many(b"\0\0\0")),), "module 0 is used, and there are 0"),
        (
            (*A_CORE_INSTANCE, section(CORE_INSTANCES, many(b"\0\0\1" + name("a") + b"\x11\0"))),
            "what a module is given must be 0x12",
        ),
        (
            (*A_CORE_INSTANCE, section(CORE_INSTANCES, many(b"\0\0\1" + name("a") + b"\x12\5"))),
            "core instance 5 is used, and there are 1",
        ),
        (
            (
                *A_CORE_INSTANCE,
                section(CORE_INSTANCES, many(b"\0\0" + many(*[name("a") + b"\x12\0"] * 2))),
            ),
            "a module is given two things of one name",
        ),
        ((section(CORE_INSTANCES, many(b"\1\1" + name("a") + b"\5\0")),), "kind of export 0x5"),
        ((section(CORE_INSTANCES, many(b"\1\1" + name("a") + b"\2\0")),), "core memory 0 is used"),
        (
            (
                *A_FUNCTION,
                section(FUNCTIONS, many(b"\1\0\0\0")),
                section(CORE_INSTANCES, many(b"\1" + many(*[name("a") + b"\0\0"] * 2))),
            ),
            "two exports have one name",
        ),
        # Instances of components
        ((section(INSTANCES, many(b"\2")),), "the kind of an instance must be 0 or 1"),
        ((section(INSTANCES, many(b"\0\0\0")),), "component 0 is used, and there are 0"),
        ((section(INSTANCES, many(b"\1\1\0" + name("f") + b"\1\0")),), "function 0 is used"),
        (
            (
                *A_FUNCTION,
                section(INSTANCES, many(b"\1" + many(*[b"\0" + name("f") + b"\1\0"] * 2))),
            ),
            "have one name",
        ),
        ((*AN_IMPORTER, section(INSTANCES, many(b"\0\0\0"))), "not given the function that it"),
        (
            (*AN_IMPORTER, section(INSTANCES, many(b"\0\0\1" + name("f") + b"\3\0"))),
            "not given the function that it imports",
        ),
        (
            (*AN_IMPORTER, section(INSTANCES, many(b"\0\0" + many(*[name("f") + b"\1\0"] * 2)))),
            "a component is given two things of one name",
        ),
        # Aliases
        ((section(ALIASES, many(b"\1\3\0")),), "unknown kind of alias 0x3"),
        ((section(ALIASES, many(b"\7\0\0" + name("f"))),), "unknown sort 0x7"),
        ((section(ALIASES, many(b"\1\0\0" + name("f"))),), "instance 0 is used, and there are 0"),
        ((*AN_INSTANCE, section(ALIASES, many(b"\1\0\0" + name("g")))), "that it does not export"),
        ((*AN_INSTANCE, section(ALIASES, many(b"\3\0\0" + name("f")))), "that it does not export"),
        ((section(ALIASES, many(b"\0\0\1\0" + name("f"))),), "core instance 0 is used"),
        ((*A_CORE_INSTANCE, section(ALIASES, many(b"\0\0\1\0" + name("f")))), "does not export"),
        ((*A_CORE_INSTANCE, section(ALIASES, many(b"\1\1\0" + name("f")))), "does not export"),
        ((section(ALIASES, many(b"\1\2\0\0")),), "an alias may not lead to a function further out"),
        ((section(ALIASES, many(b"\3\2\0\0")),), "type 0 is used, and there are 0"),
        ((section(ALIASES, many(b"\0\x10\2\0\0")),), "core type 0 is used, and there are 0"),
        ((section(ALIASES, many(b"\0\x11\2\0\0")),), "module 0 is used, and there are 0"),
        # Functions
        ((section(FUNCTIONS, many(b"\x30")),), "unknown canonical function 0x30"),
        ((section(FUNCTIONS, many(b"\0\1")),), "the form of a lifted function must be 0x0"),
        ((section(FUNCTIONS, many(b"\1\1")),), "the form of a lowered function must be 0x0"),
        ((section(FUNCTIONS, many(b"\0\0\0\0\0")),), "core function 0 is used"),
        ((section(FUNCTIONS, many(b"\1\0\0\0")),), "function 0 is used, and there are 0"),
        ((*A_FUNCTION, section(FUNCTIONS, many(b"\1\0\0\1\x0a"))), "unknown option 0xa"),
        ((*A_FUNCTION, section(FUNCTIONS, many(b"\1\0\0\1\3\0"))), "core memory 0 is used"),
        ((*A_FUNCTION, section(FUNCTIONS, many(b"\1\0\0\1\4\0"))), "core function 0 is used"),
        ((*A_FUNCTION, section(FUNCTIONS, many(b"\1\0\0\1\x08\0"))), "core type 0 is used"),
        (
            (*A_FUNCTION, section(FUNCTIONS, many(b"\1\0\0\x0b" + b"\0" * 11))),
            "at most 10 may be",
        ),
        ((*A_FUNCTION, section(FUNCTIONS, many(b"\2\0"))), "another kind of type than it is"),
        ((section(FUNCTIONS, many(b"\x0c\2")),), "a choice of a canonical function must be 0 or 1"),
        ((section(FUNCTIONS, many(b"\x20\0\0")),), "core memory 0 is used, and there are 0"),
        ((section(FUNCTIONS, many(b"\x41\0\0")),), "core type 0 is used, and there are 0"),
        # Starts, values and exports
        ((section(START, b"\0\0\0"),), "function 0 is used, and there are 0"),
        ((*A_FUNCTION, section(START, b"\0\1\0\0")), "values of components are not understood"),
        ((*A_FUNCTION, section(START, b"\0\0\1")), "values of components are not understood"),
        ((section(VALUES, b"\0"),), "unknown section 12"),
        ((section(EXPORTS, many(b"\0" + name("f") + b"\1\0\0")),), "function 0 is used"),
        ((*A_FUNCTION, section(EXPORTS, many(b"\0" + name("g") + b"\1\0\2"))), "must be 0 or 1"),
        (
            (*A_FUNCTION, section(EXPORTS, many(b"\0" + name("g") + b"\1\0\1\3\0\0"))),
            "a function is exported as if it were a type",
        ),
        (
            (*A_FUNCTION, section(EXPORTS, many(*[b"\0" + name("g") + b"\1\0\0"] * 2))),
            "have one name",
        ),
        ((section(TYPES, many(b"\x7d"), b"\0"),), "longer than what it lists"),
    ],
)  # fmt: skip
def test_a_component_that_is_not_well_formed_is_malformed(
    sections: tuple[bytes, ...], why: str
) -> None:
    assert why in complaint(component(*sections))


LIBRARY = """(core module $m (func (export "f"))) (core instance $n (instantiate $m))
  (func $f (canon lift (core func $n "f")))"""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ('(instance $g (export "f" (func $f)))', "given less than it imports"),
        ('(component $e) (instance $g (export "in" (component $e)))', "not given the instance"),
    ],
)
def test_a_component_that_is_given_another_instance_than_it_asks_for_is_malformed(
    given: str, why: str
) -> None:
    binary = assembled(
        f"""(component {LIBRARY} {given}
        (component $c
          (import "x" (instance $x (export "in" (instance (export "f" (func))))))
          (alias export $x "in" (instance $y)) (export "y" (instance $y)))
        (instance (instantiate $c (with "x" (instance $g)))))"""
    )

    assert why in complaint(binary)


def test_a_start_function_of_a_component_is_seen() -> None:
    found = read_artifact(component(*A_FUNCTION, section(START, b"\0\0\0")))

    assert found.runs_at_start
    assert "component-model-values" in found.features


def test_a_resource_may_have_a_destructor_and_a_core_type_may_be_a_subtype() -> None:
    binary = component(
        *A_FUNCTION,
        section(FUNCTIONS, many(b"\1\0\0\0")),
        section(TYPES, many(b"\x3f\x7f\1\0")),
        section(CORE_TYPES, many(b"\0\x50\0\x60\0\0")),
        section(ALIASES, many(b"\0\x10\2\0\0")),
        section(CORE_TYPES, many(b"\x50\0")),
        section(ALIASES, many(b"\0\x10\2\0\2")),
        section(IMPORTS, many(b"\0" + name("m") + b"\0\x11\3")),
    )

    assert [str(item) for item in read_artifact(binary).imports] == ["f", "m"]
