"""What a manifest may say about the workspace, the files in it, and the answer."""

from __future__ import annotations

import contextlib
import warnings
from fnmatch import fnmatchcase, translate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.core.manifest import InputFile, ResultMapping
from hatchway.policy.manifest import manifest_from_values, parse_manifest_toml
from hatchway.policy.mapping import (
    MAX_FILES,
    MAX_NAME_BYTES,
    MAX_PATH_BYTES,
    MAX_PATH_PARTS,
    MAX_RESULTS,
    MAX_WORKSPACE_BYTES,
    MEDIA_TYPES,
)

if TYPE_CHECKING:
    from hatchway.core.manifest import ToolManifest

INPUT: dict[str, Any] = {"type": "object", "properties": {"svg": {"type": "string"}}}
PNG = {"type": "image", "media_type": "image/png"}
ABIS = ("json", "argv")


def described(abi: str = "argv", **keys: Any) -> ToolManifest:
    """The tool of a command's manifest with these keys."""
    values = {"abi": abi, "input": INPUT, **keys}
    return manifest_from_values(values, file="a.wasm").tools[0]


def complaint(abi: str = "argv", **keys: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        described(abi, **keys)
    assert raised.value.message.isprintable()
    assert raised.value.message.startswith("a.wasm: ")
    assert len(raised.value.message) < 500
    return raised.value


def file(path: Any, value: Any = "") -> dict[str, Any]:
    return {"path": path, "value": value}


def long_path(count: int) -> str:
    """A path of this many bytes, in names of ordinary length."""
    return "/".join(["x" * 99] * (count // 100) + ["x" * (count % 100)]).rstrip("/")


BAD_PATHS: dict[str, tuple[Any, str]] = {
    "no text": (5, "expected a path, got 5"),
    "nothing": ("", "no empty, '.' or '..' part"),
    "dot": (".", "no empty, '.' or '..' part"),
    "parent": ("..", "no empty, '.' or '..' part"),
    "way out": ("../a", "no empty, '.' or '..' part"),
    "way out later": ("a/../../b", "no empty, '.' or '..' part"),
    "way nowhere": ("a/./b", "no empty, '.' or '..' part"),
    "two slashes": ("a//b", "no empty, '.' or '..' part"),
    "a directory": ("a/", "no empty, '.' or '..' part"),
    "NUL": ("a\0b", "cannot contain a NUL byte"),
    "long": (long_path(MAX_PATH_BYTES + 1), f"may have {MAX_PATH_BYTES} bytes, got 1025"),
    "64 KiB": ("x" * 65536, f"may have {MAX_PATH_BYTES} bytes, got 65536"),
    "long in UTF-8": ("é/" * 600 + "x", f"may have {MAX_PATH_BYTES} bytes, got 1801"),
    "long name": ("x" * (MAX_NAME_BYTES + 1), f"may have {MAX_NAME_BYTES} bytes, got 256"),
    "long name in UTF-8": ("é" * 128, f"may have {MAX_NAME_BYTES} bytes, got 256"),
    "deep": ("/".join("x" * (MAX_PATH_PARTS + 1)), f"may have {MAX_PATH_PARTS} parts, got 33"),
}
ABSOLUTE: dict[str, tuple[Any, str]] = {
    "absolute": ("/etc/passwd", "expected a path below the workspace, got '/etc/passwd'"),
    "root": ("/", "expected a path below the workspace"),
    "two slashes first": ("//host/a", "expected a path below the workspace"),
}
GOOD_PATHS = {
    "a name": "in.svg",
    "deep": "/".join("x" * MAX_PATH_PARTS),
    "space": "a b",
    "dots": "...",
    "hidden": ".hidden",
    "letter": "é",
    "option": "-rf",
    "drive": "C:\\x",
    "bracket": "a]",
    "escape": "\x1b[2J]",
    "long name": "x" * MAX_NAME_BYTES,
    "long": long_path(MAX_PATH_BYTES),
}


# The workspace


@pytest.mark.parametrize("abi", ABIS)
def test_a_workspace_is_called_work_unless_the_manifest_names_it(abi: str) -> None:
    assert described(abi).workspace == "/work"
    assert described(abi, workspace="/data/box").workspace == "/data/box"


@pytest.mark.parametrize("name", ["/", "/x", "/...", "/a b/é", "/" + "x/" * 31 + "x"])
def test_a_workspace_is_an_absolute_directory(name: str) -> None:
    assert described(workspace=name).workspace == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (5, "'workspace': expected a path, got 5"),
        (None, "expected a path, got None"),
        (["/work"], "expected a path, got ['/work']"),
        ("", "expected an absolute directory, got ''"),
        ("work", "expected an absolute directory, got 'work'"),
        ("./work", "expected an absolute directory"),
        ("C:\\work", "expected an absolute directory"),
        ("//", "no empty, '.' or '..' part"),
        ("//work", "no empty, '.' or '..' part"),
        ("/work/", "no empty, '.' or '..' part"),
        ("/work//a", "no empty, '.' or '..' part"),
        ("/.", "no empty, '.' or '..' part"),
        ("/..", "no empty, '.' or '..' part"),
        ("/work/../etc", "no empty, '.' or '..' part"),
        ("/a\0b", "cannot contain a NUL byte"),
        ("/" + "x" * 256, f"may have {MAX_WORKSPACE_BYTES} bytes, got 257"),
        ("/" + "é" * 128, f"may have {MAX_WORKSPACE_BYTES} bytes, got 257"),
        ("/x" * 33, "may have 32 parts, got 33"),
        ("/\x1b[2J/..", "no empty, '.' or '..' part"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_workspace_of_any_other_name_is_refused(name: Any, why: str) -> None:
    assert why in complaint(workspace=name).message


# Files for the guest


@pytest.mark.parametrize("abi", ABIS)
def test_a_file_is_a_path_and_a_template(abi: str) -> None:
    files = [file("in/a.svg", "{svg}"), file("b", "plain"), file("c", "<{svg}/>"), file("d")]

    assert described(abi, files=files).files == (
        InputFile(path="in/a.svg", value="{svg}"),
        InputFile(path="b", value="plain"),
        InputFile(path="c", value="<{svg}/>"),
        InputFile(path="d", value=""),
    )
    assert described(abi).files == described(abi, files=[]).files == ()


@pytest.mark.parametrize("case", GOOD_PATHS)
def test_a_file_may_have_any_path_below_the_workspace(case: str) -> None:
    path = GOOD_PATHS[case]

    assert described(files=[file(path)]).files == (InputFile(path=path, value=""),)


@pytest.mark.parametrize("path", ["*", "?", "**", "a[b", "[a]"])
def test_a_file_for_the_guest_is_no_pattern_whatever_its_name(path: str) -> None:
    assert described(files=[file(path)]).files == (InputFile(path=path, value=""),)


@pytest.mark.parametrize("case", BAD_PATHS | ABSOLUTE)
def test_a_file_of_any_other_path_is_refused(case: str) -> None:
    path, why = (BAD_PATHS | ABSOLUTE)[case]

    error = complaint(files=[file(path)])

    assert "'path': " in error.message
    assert why in error.message


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ("in.svg", "'files' must be an array of tables, got 'in.svg'"),
        (["in.svg"], "expected a table, got 'in.svg'"),
        ([{"path": "a"}], "every one of 'files' needs a value"),
        ([{"value": "a"}], "every one of 'files' needs a path"),
        ([{}], "every one of 'files' needs a path"),
        ([{**file("a"), "mode": 511}], "unknown key 'mode' in [files.0]"),
        ([file("a", 5)], "'value' must be a string, got 5"),
        ([file("a", ["{svg}"])], "'value' must be a string"),
        ([file("a", "x" * 4097)], "'value' may have 4096 characters"),
        ([file("a", "{png}")], "{png} is not a parameter of the input schema"),
        ([file("a", "{svg} {png}")], "{png} is not a parameter of the input schema"),
        ([file("a"), file("b"), file("a")], "two files have the same path"),
        ([file("a"), file("a/b")], "'a/b' lies below a path that is a file itself"),
        ([file("a/b/c/d"), file("a/b")], "'a/b/c/d' lies below a path that is a file itself"),
    ],
    ids=str,
)
def test_a_file_that_nothing_could_make_is_refused(files: Any, why: str) -> None:
    assert why in complaint(files=files).message


def test_files_may_share_a_directory_and_the_beginning_of_a_name() -> None:
    paths = ["a/b", "a/c", "ab", "a/b.c", "A"]

    found = described(files=[file(path) for path in paths]).files

    assert [each.path for each in found] == paths


def test_a_manifest_maps_a_bounded_number_of_files() -> None:
    def many(count: int) -> list[dict[str, Any]]:
        return [file(str(number)) for number in range(count)]

    assert len(described(files=many(MAX_FILES)).files) == MAX_FILES
    assert "maps 64 files at most, got 65" in complaint(files=many(MAX_FILES + 1)).message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('files = [\n{ path = "a", value = "" },\n{ path = "/b", value = "" } ]',
         "tool.toml:5: 'path': expected a path below the workspace, got '/b'"),
        ('files = [\n{ path = "a", value = "" },\n{ path = "b", value = "{b}" } ]',
         "tool.toml:5: {b} is not a parameter of the input schema"),
        ('\nworkspace = "work"', "tool.toml:4: 'workspace': expected an absolute directory"),
        ('result = [\n{ type = "text", file = "a" },\n{ type = "text", file = "b\\u0000" } ]',
         "tool.toml:5: 'file': a path cannot contain a NUL byte"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_own_line(line: str, message: str) -> None:
    text = f'abi = "argv"\ninput = {{ type = "object" }}\n{line}'

    with pytest.raises(ConfigError) as raised:
        parse_manifest_toml(text, file="tool.toml")

    assert raised.value.message.startswith(message)


def test_a_file_without_a_part_is_answered_with_an_example() -> None:
    assert complaint(files=[{}]).hint == 'files = [{ path = "in.svg", value = "{svg}" }]'


# Results


@pytest.mark.parametrize(
    ("kind", "media_type"), [(kind, name) for kind, names in MEDIA_TYPES.items() for name in names]
)
def test_a_result_may_be_any_media_the_host_knows(kind: str, media_type: str) -> None:
    (result,) = described(result={"type": kind, "media_type": media_type}).results

    assert (result.kind, result.media_type, result.file) == (kind, media_type, None)


def test_every_media_type_is_a_plain_name_without_parameters() -> None:
    names = {name for names in MEDIA_TYPES.values() for name in names}

    assert all(name.isascii() and name.count("/") == 1 for name in names)
    assert all(name.replace("/", "").replace("-", "").replace("+", "").isalnum() for name in names)


def test_results_stand_in_the_order_of_the_manifest() -> None:
    results = [
        {"type": "json", "file": "facts.json"},
        {"type": "text"},
        {**PNG, "file": "pages/*.png"},
        {"type": "resource", "media_type": "text/csv", "file": "table.csv"},
    ]

    assert described(result=results).results == (
        ResultMapping(kind="json", file="facts.json"),
        ResultMapping(kind="text"),
        ResultMapping(kind="image", media_type="image/png", file="pages/*.png"),
        ResultMapping(kind="resource", media_type="text/csv", file="table.csv"),
    )


@pytest.mark.parametrize("kind", ["text", "json"])
def test_the_short_and_the_long_form_of_a_result_mean_the_same(kind: str) -> None:
    forms = (kind, {"type": kind}, [{"type": kind}])

    assert {described(result=form).results for form in forms} == {(ResultMapping(kind=kind),)}  # type: ignore[arg-type]  # one of the kinds


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ("html", "expected a kind of result"),
        ("image", "expected a kind of result"),
        (5, "expected a kind of result"),
        (None, "expected a kind of result"),
        ([], "expected 1 to 16 results, got 0"),
        (["text"], "expected a table, got 'text'"),
        ([["text"]], "expected a table, got ['text']"),
        ({}, "a result table needs a type"),
        ([{"file": "a"}], "a result table needs a type"),
        ({"type": "html"}, "'type' is one of text, json, image, audio, resource; got 'html'"),
        ({"type": 5}, "'type' must be a string"),
        ({"type": "text", "media_type": "text/plain"}, "a text result has no media_type"),
        ({"type": "json", "media_type": "text/plain"}, "a json result has no media_type"),
        ({"type": "image"}, "a result of type 'image' needs a media_type"),
        ({"type": "resource", "file": "a"}, "a result of type 'resource' needs a media_type"),
        ({"type": "image", "media_type": "audio/wav"}, "'media_type' is one of image/png"),
        ({"type": "image", "media_type": "text/html"}, "'media_type' is one of image/png"),
        ({"type": "audio", "media_type": "image/png"}, "'media_type' is one of audio/wav"),
        ({**PNG, "alt": "x"}, "unknown key 'alt'"),
        ({**PNG, "_meta": {}}, "unknown key '_meta'"),
        ({**PNG, "uri": "file:///etc/passwd"}, "unknown key 'uri'"),
        ({"type": "text", "file": None}, "'file': expected a path, got None"),
        ({"type": "text", "file": ["a"]}, "'file': expected a path, got ['a']"),
    ],
    ids=repr,
)
def test_a_result_of_any_other_kind_is_refused(result: Any, why: str) -> None:
    assert why in complaint(result=result).message


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain; charset=utf-8",
        "text/html;profile=mcp-app",
        "text/plain\n",
        "text/plain\r\nx: y",
        " text/plain",
        "TEXT/PLAIN",
        "text/plain\0",
        "text/*",
        "text",
        "",
        "text/javascript",
        "text/uri-list",
        "application/x-executable",
        "image/tiff",
        "x" * 100_000,
        "text/\u202eplain",
    ],
    ids=lambda text: repr(text)[:30],
)
def test_a_resource_of_a_media_type_the_host_does_not_know_is_refused(media_type: str) -> None:
    error = complaint(result={"type": "resource", "media_type": media_type, "file": "a"})

    assert "'media_type' " in error.message


@pytest.mark.parametrize("case", GOOD_PATHS)
def test_a_result_may_be_any_file_below_the_workspace(case: str) -> None:
    path = GOOD_PATHS[case]

    (result,) = described(result={"type": "text", "file": path}).results

    assert (result.file, result.is_pattern) == (path, "[" in path)


@pytest.mark.parametrize("case", BAD_PATHS | ABSOLUTE)
def test_a_result_in_a_file_of_any_other_path_is_refused(case: str) -> None:
    path, why = (BAD_PATHS | ABSOLUTE)[case]

    assert why in complaint(result={"type": "text", "file": path}).message


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.png", "a/*/b?.txt", "[ab].txt", "[!a]", "[]]", "[!]]", "[[]a", "[a-z][0-9]", "*a*b*"],
)
def test_a_result_may_be_a_pattern_of_files(pattern: str) -> None:
    (result,) = described(result={**PNG, "file": pattern}).results

    assert (result.file, result.is_pattern) == (pattern, True)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("**", "'**' is no more than that"),
        ("**/*.png", "'**' is no more than that"),
        ("a/**", "'**' is no more than that"),
        ("a**b", "'**' is no more than that"),
        ("[", "'[' is never closed"),
        ("a[b", "'[' is never closed"),
        ("[]", "'[' is never closed"),
        ("[!]", "'[' is never closed"),
        ("[!", "'[' is never closed"),
        ("[a/b]", "'[' is never closed"),
        ("[a]/[", "'[' is never closed"),
        ("../*", "no empty, '.' or '..' part"),
        ("/*", "expected a path below the workspace"),
        ("*/", "no empty, '.' or '..' part"),
    ],
)
def test_a_pattern_that_would_surprise_its_author_is_refused(pattern: str, why: str) -> None:
    assert why in complaint(result={**PNG, "file": pattern}).message


@patient
@given(st.text(st.sampled_from("*?[]!-^/\\&~|a.b0\n"), min_size=1, max_size=12), st.text())
@example("[z-a]", "z")
@example("[a--b]", "-")
@example("[[]", "[")
@example("[^a]", "b")
@example("\\[0]", "")
def test_any_pattern_is_refused_or_matches_names_without_a_word(pattern: str, name: str) -> None:
    try:
        (result,) = described(result={**PNG, "file": pattern}).results
    except ConfigError:
        return

    assert result.file == pattern
    for part in pattern.split("/"):
        with warnings.catch_warnings(action="error"):
            fnmatchcase(name, part)
        # A `[` that is no set would be translated to the character; inside a set it may stand.
        without_backslashes = translate(part).replace(r"\\", "")
        assert r"\[" not in without_backslashes.replace(r"[\[", "")


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([{"type": "text"}, PNG], "only one result can be standard output"),
        ([{"type": "text"}, {"type": "json"}], "only one result can be standard output"),
        ([{"type": "json"}, {"type": "json", "file": "a"}], "only one result can be JSON"),
        (
            [{"type": "text", "file": "a"}, {**PNG, "file": "a"}],
            "two results name the same file",
        ),
        (
            [{"type": "text", "file": "*"}, {**PNG, "file": "*"}],
            "two results name the same file",
        ),
        ([{"type": "json", "file": "*.json"}], "a JSON result is one file, and not a pattern"),
    ],
    ids=str,
)
def test_results_that_contradict_each_other_are_refused(results: Any, why: str) -> None:
    assert why in complaint(result=results).message


def test_an_answer_has_a_bounded_number_of_results() -> None:
    def many(count: int) -> list[dict[str, Any]]:
        return [{"type": "text", "file": str(number)} for number in range(count)]

    assert len(described(result=many(MAX_RESULTS)).results) == MAX_RESULTS
    error = complaint(result=many(MAX_RESULTS + 1))
    assert "expected 1 to 16 results, got 17" in error.message


def test_a_json_command_may_give_files_along_with_its_json() -> None:
    (first, second) = described("json", result=[{**PNG, "file": "a.png"}, {"type": "json"}]).results

    assert (first.file, second) == ("a.png", ResultMapping(kind="json"))


@pytest.mark.parametrize(
    "result",
    [
        "text",
        {"type": "text"},
        PNG,
        [{**PNG, "file": "a.png"}],
        [{"type": "json", "file": "a.json"}],
        [{"type": "json", "file": "a.json"}, {"type": "text"}],
    ],
    ids=str,
)
def test_the_standard_output_of_a_json_command_is_json(result: Any) -> None:
    error = complaint("json", result=result)

    assert error.message == 'a.wasm: with abi = "json" one result is the JSON on standard output'
    assert error.hint == 'result = [{ type = "json" }, { type = "text", file = "report.txt" }]'


# Anything at all

parts = st.text(st.sampled_from("ab.*?[]/\0\\é\x1b"), max_size=6) | st.text(max_size=6)
paths = st.lists(parts, max_size=4).map("/".join)


@patient
@given(paths, paths, paths)
def test_whatever_a_manifest_names_lies_below_the_workspace(
    box: str, filled: str, given_back: str
) -> None:
    with contextlib.suppress(ConfigError):
        tool = described(
            workspace=f"/{box}",
            files=[file(filled)],
            result={"type": "text", "file": given_back},
        )

        assert tool.results[0].file is not None
        for path in (tool.workspace[1:], tool.files[0].path, tool.results[0].file):
            assert path == "" or not {"", ".", ".."} & set(path.split("/"))
            assert "\0" not in path
        assert tool.files[0].path
