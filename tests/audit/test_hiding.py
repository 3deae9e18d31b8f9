"""Attacks: binaries made so that an engine sees what an audit does not, or that cost too much.

Each either is refused, or shows what it hides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from specimens import assembled
from wasm_bytes import component, leb, many, module, name, section

from hatchway.audit.binary import MalformedError
from hatchway.audit.reading import read_artifact
from hatchway.core.errors import AdmissionError

if TYPE_CHECKING:
    from hatchway.audit.artifact import Artifact

SOCKET = "wasi:sockets/tcp@0.2.3"
NOTHING = b"\x60\0\0"
TYPES = section(1, many(NOTHING))
P1 = name("wasi_snapshot_preview1")

FUNCTION = b"\x40\0\1\0"
"""The type of a function without parameters or result."""
INSTANCE = b"\x42" + many(b"\1" + FUNCTION, b"\4\0" + name("f") + b"\1\0")
"""The type of an instance with one function."""


def read(text: str) -> Artifact:
    return read_artifact(assembled(f"(component {text})"))


def refusal(binary: bytes) -> AdmissionError:
    with pytest.raises(AdmissionError) as raised:
        read_artifact(binary)
    return raised.value


def spelled(artifact: Artifact) -> list[str]:
    return [str(item) for item in artifact.imports]


def import_of(title: bytes, kind: bytes) -> bytes:
    return section(10, many(title + kind))


# Core modules


def test_a_second_import_section_is_refused() -> None:
    harmless = section(2, many(P1 + name("fd_write") + b"\0\0"))
    socket = section(2, many(P1 + name("sock_open") + b"\0\0"))

    assert "repeated or out of order" in refusal(module(TYPES, harmless, socket)).message


def test_an_import_section_at_the_end_is_refused() -> None:
    socket = section(2, many(P1 + name("sock_open") + b"\0\0"))

    assert "out of order" in refusal(module(TYPES, section(5, b"\0"), socket)).message


def test_an_import_behind_the_announced_ones_is_refused() -> None:
    content = many(P1 + name("fd_write") + b"\0\0") + P1 + name("sock_open") + b"\0\0"

    assert "longer than what it lists" in refusal(module(TYPES, section(2, content))).message


def test_bytes_behind_the_last_section_are_refused() -> None:
    assert "unknown section" in refusal(module(TYPES) + b"\x7f\0").message
    assert "ends in the middle" in refusal(module(TYPES) + b"\1").message


@pytest.mark.parametrize(
    "form", [b"\x7f\1" + name("sock_open") + b"\0\0", b"\x7e\0\0\1" + name("sock_open")]
)
def test_imports_in_the_compact_form_are_seen(form: bytes) -> None:
    found = read_artifact(module(TYPES, section(2, many(P1 + name("") + form))))

    assert spelled(found) == ["wasi_snapshot_preview1.sock_open"]
    assert "compact-imports" in found.features


def test_compact_imports_of_every_kind_are_counted() -> None:
    memories = P1 + name("") + b"\x7e\2\0\1" + many(name("a"), name("b"))
    exports = section(7, many(name("m") + b"\2\1"))

    found = read_artifact(module(section(2, many(memories)), exports))

    assert spelled(found) == ["wasi_snapshot_preview1.a", "wasi_snapshot_preview1.b"]
    assert [memory.is_imported for memory in found.modules[0].memories] == [True, True]


@pytest.mark.parametrize("padding", [1, 2, 3, 4])
def test_an_integer_in_more_bytes_than_it_needs_hides_nothing(padding: int) -> None:
    count = leb(1, padding=min(padding, 4))
    imports = count + leb(1, padding=padding) + b"a" + name("sock_open") + b"\0" + leb(0, padding=4)

    assert spelled(read_artifact(module(TYPES, section(2, imports)))) == ["a.sock_open"]


@pytest.mark.parametrize("number", [leb(1, padding=5), leb(1 << 32), b"\x80" * 100 + b"\1"])
def test_an_integer_that_is_too_long_or_too_large_is_refused(number: bytes) -> None:
    error = refusal(module(TYPES, section(2, number + name("a") + name("b") + b"\0\0")))

    assert isinstance(error, MalformedError)


@pytest.mark.parametrize("title", ["fd_write\0", " fd_write", "fd_wrіte", "FD_WRITE"])
def test_a_name_that_looks_like_another_stays_itself(title: str) -> None:
    found = read_artifact(module(TYPES, section(2, many(P1 + name(title) + b"\0\0"))))

    assert spelled(found) == [f"wasi_snapshot_preview1.{title}"]


@pytest.mark.parametrize("title", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\xe2\x82"])
def test_a_name_that_is_not_utf_8_is_refused(title: bytes) -> None:
    binary = module(TYPES, section(2, many(name(title) + name("f") + b"\0\0")))

    assert "a name is not UTF-8" in refusal(binary).message


# Components


@pytest.mark.claim("audit.complete")
def test_imports_of_several_sections_are_all_seen() -> None:
    found = read(
        f"""(import "log" (func)) (core module)
            (import "{SOCKET}" (instance (export "f" (func))))"""
    )

    assert spelled(found) == ["log", f"{SOCKET}#f"]


@pytest.mark.claim("audit.complete")
@pytest.mark.parametrize(
    "text",
    [
        '(type $t (instance (export "f" (func)))) (import "{0}" (instance (type $t)))',
        '(type $a (func)) (type $t (instance (alias outer 1 $a (type $f)) (export "f" (func '
        '(type $f))))) (import "{0}" (instance (type $t)))',
        '(type $t (instance (export "f" (func)))) (alias outer 0 $t (type $u)) '
        '(import "{0}" (instance (type $u)))',
        '(type $t (instance (export "f" (func)))) (import "t" (type $u (eq $t))) '
        '(import "{0}" (instance (type $u)))',
        '(type $t (instance (export "f" (func)))) '
        '(component $c (alias outer 1 $t (type $u)) (export "t" (type $u))) '
        '(instance $i (instantiate $c)) (alias export $i "t" (type $v)) '
        '(import "{0}" (instance (type $v)))',
    ],
    ids=["type", "outer type", "alias", "type import", "type export"],
)
def test_a_type_from_somewhere_else_does_not_hide_its_functions(text: str) -> None:
    assert spelled(read(text.format(SOCKET))) == [f"{SOCKET}#f"]


def test_a_socket_that_is_imported_for_its_types_is_told_apart() -> None:
    found = read(f'(import "{SOCKET}" (instance (export "s" (type (sub resource)))))')

    assert (spelled(found), [str(item) for item in found.type_only]) == ([], [SOCKET])


@pytest.mark.claim("audit.complete")
def test_a_function_inside_an_instance_inside_types_is_seen() -> None:
    found = read(
        f"""(import "{SOCKET}" (instance
              (export "s" (type (sub resource)))
              (export "no" (instance))
              (export "in" (instance (export "t" (type (sub resource)))
                (export "deeper" (instance (export "f" (func))))))))"""
    )

    assert spelled(found) == [f"{SOCKET}#in#deeper#f"]


def test_a_name_that_implements_a_socket_is_the_socket() -> None:
    found = read(f'(import "harmless" (implements "{SOCKET}") (instance (export "f" (func))))')

    assert spelled(found) == [f"{SOCKET}#f"]
    assert found.surface.imports == (f"{SOCKET}#f",)
    assert "component-model-name-attributes" in found.features


def test_attributes_that_say_nothing_of_interfaces_are_read_as_well() -> None:
    title = b"\2" + name("log") + many(b"\1" + name(".3"), b"\2" + name("anything"))
    binary = component(section(7, many(FUNCTION)), import_of(title, b"\1\0"))

    assert spelled(read_artifact(binary)) == ["log"]


@pytest.mark.parametrize(
    ("title", "kind", "why"),
    [
        (b"\2" + name("a") + many(b"\0" + name("x:y/z")), b"\1\0", "cannot implement"),
        (b"\2" + name("a") + many(b"\0" + name("nonsense")), b"\5\1", "what is no interface"),
        (b"\2" + name("a") + many(b"\3" + name("x")), b"\1\0", "repeated or unknown"),
        (b"\2" + name("a") + many(*[b"\2" + name("x")] * 2), b"\1\0", "repeated or unknown"),
        (b"\3" + name("a"), b"\1\0", "unknown form of name 0x3"),
        (b"\0" + name(""), b"\1\0", "neither a label nor"),
        (b"\0" + name("a\0"), b"\1\0", "neither a label nor"),
        (b"\0" + name("a-"), b"\1\0", "neither a label nor"),
        (b"\0" + name("a--b"), b"\1\0", "neither a label nor"),
        (b"\0" + name("-a"), b"\1\0", "neither a label nor"),
        (b"\0" + name("aB"), b"\1\0", "neither a label nor"),
        (b"\0" + name("1a"), b"\1\0", "neither a label nor"),
        (b"\0" + name("wasi:sockets/tcp@0.2.3\0"), b"\5\1", "neither a label nor"),
        (b"\0" + name("wasi:sockets/tcp@0.2.3 "), b"\5\1", "neither a label nor"),
        (b"\0" + name("wasi:sockets/tcp@"), b"\5\1", "neither a label nor"),
        (b"\0" + name("wasi:sоckets/tcp"), b"\5\1", "neither a label nor"),
        (b"\0" + name("wasi:sockets"), b"\5\1", "neither a label nor"),
        (b"\0" + name("wasi:sockets//tcp"), b"\5\1", "neither a label nor"),
        (b"\0" + name("[method]a"), b"\1\0", "neither a label nor"),
        (b"\0" + name("url=<a"), b"\1\0", "neither a label nor"),
        (b"\0" + name(b"\xff"), b"\1\0", "a name is not UTF-8"),
        (b"\0" + name("a"), b"\6\0", "unknown sort 0x6"),
        (b"\0" + name("a"), b"\0\x10\0", "unknown sort 0x0"),
        (b"\0" + name("a"), b"\2\0\0", "values of components are not understood"),
        (b"\0" + name("a"), b"\2\x7d", "values of components are not understood"),
        (b"\0" + name("a"), b"\3\2", "the bound of a type must be 0 or 1"),
        (b"\0" + name("a"), b"\1\1", "another kind of type than it is"),
        (b"\0" + name("a"), b"\5\0", "another kind of type than it is"),
        (b"\0" + name("a"), b"\4\0", "another kind of type than it is"),
        (b"\0" + name("a"), b"\1\5", "type 5 is used, and there are 2"),
        (b"\0" + name("a"), b"\3\0\5", "type 5 is used, and there are 2"),
        (b"\0" + name("a"), b"\0\x11\0", "core type 0 is used, and there are 0"),
    ],
)
def test_an_import_that_is_not_well_formed_is_refused(title: bytes, kind: bytes, why: str) -> None:
    binary = component(section(7, many(FUNCTION, INSTANCE)), import_of(title, kind))

    assert why in refusal(binary).message


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a"), ("a-b", "A-b"), ("[method]a.b", "[method]A.b")]
)
def test_two_imports_of_one_name_are_refused(first: str, second: str) -> None:
    imports = section(10, many(*(b"\0" + name(title) + b"\1\0" for title in (first, second))))

    assert "have one name" in refusal(component(section(7, many(FUNCTION)), imports)).message


@pytest.mark.parametrize("version", ["@1.0.0-RC", "@1.0.0-rc", ""])
def test_names_of_interfaces_differ_by_every_letter(version: str) -> None:
    titles = ["a:b/c@1.0.0-Rc", f"a:b/c{version}"]
    imports = section(10, many(*(b"\0" + name(title) + b"\5\1" for title in titles)))

    found = read_artifact(component(section(7, many(FUNCTION, INSTANCE)), imports))

    assert spelled(found) == [f"{title}#f" for title in titles]


def test_an_older_form_of_name_means_the_same() -> None:
    binary = component(section(7, many(FUNCTION)), import_of(b"\1" + name("log"), b"\1\0"))

    assert spelled(read_artifact(binary)) == ["log"]


def test_an_alias_cannot_lead_out_of_the_artifact() -> None:
    binary = component(section(6, many(b"\3\2\1\0")))

    assert "further out than there are components" in refusal(binary).message


def test_a_component_that_could_be_given_anything_is_refused() -> None:
    text = """(component $c
        (import "d" (component $d (export "x" (instance (export "f" (func))))))
        (instance $i (instantiate $d)))"""

    with pytest.raises(MalformedError, match="is imported, instantiated, and exports instances"):
        read(text)
