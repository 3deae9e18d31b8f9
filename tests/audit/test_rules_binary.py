"""What is found in the structure of a binary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from audit_subjects import artifact_of, core_module, subject_with
from guests import wasm

from hatchway.audit import features
from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import (
    bin_001_malformed,
    bin_002_disagreement,
    bin_003_foreign_host,
    bin_004_features,
    bin_005_size,
    bin_006_start,
    bin_007_unknown_import,
    bin_008_bundled,
)
from hatchway.audit.subject import Subject
from hatchway.core.errors import AdmissionError

if TYPE_CHECKING:
    from hatchway.audit.finding import Found, Rule

RANDOM = '(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))'


def subject(wat: str, **more: Any) -> Subject:
    data = wasm(wat)
    return Subject(name="tool", artifact=read_artifact(data), data=data, **more)


def found_by(rule: Rule, looked_at: Subject) -> list[Found]:
    assert rule.check is not None
    return list(rule.check(looked_at))


def weights(rule: Rule, looked_at: Subject) -> list[tuple[str, str]]:
    return [(item.about, item.severity or rule.severity) for item in found_by(rule, looked_at)]


# HW-BIN-001


def test_what_cannot_be_read_becomes_one_finding_with_the_reason() -> None:
    with pytest.raises(AdmissionError) as caught:
        read_artifact(b"\0asm\1\0\0\0\x7f")

    found = bin_001_malformed.from_error(caught.value)

    assert caught.value.message in found.message
    assert found.evidence[0].kind == "binary"


def test_the_reason_cannot_move_a_cursor() -> None:
    found = bin_001_malformed.from_error(AdmissionError("a\x1b[2J\nb"))

    assert found.evidence[0].detail == "a\\x1b[2J\\x0ab"


def test_what_was_read_is_not_malformed() -> None:
    assert found_by(bin_001_malformed.RULE, subject("(module)")) == []


# HW-BIN-002


def test_without_compiling_there_is_nothing_to_compare() -> None:
    assert found_by(bin_002_disagreement.RULE, subject(f"(module {RANDOM})")) == []


def test_both_sides_of_a_disagreement_are_named() -> None:
    looked_at = subject(f"(module {RANDOM})", engine_imports=("env.secret", "env.\x1b[2J"))

    (found,) = found_by(bin_002_disagreement.RULE, looked_at)

    assert [(item.kind, item.detail) for item in found.evidence] == [
        ("engine", "only the engine found env.\\x1b[2J"),
        ("engine", "only the engine found env.secret"),
        ("binary", "only the scanner found wasi_snapshot_preview1.random_get"),
    ]


def test_a_long_disagreement_is_counted() -> None:
    looked_at = subject("(module)", engine_imports=tuple(f"env.f{index}" for index in range(30)))

    (found,) = found_by(bin_002_disagreement.RULE, looked_at)

    assert len(found.evidence) == 9
    assert found.evidence[-1].detail == "only the engine found 22 more"


def test_imports_that_stand_there_twice_are_no_disagreement() -> None:
    looked_at = subject(
        f"(module {RANDOM} {RANDOM})", engine_imports=("wasi_snapshot_preview1.random_get",)
    )

    assert found_by(bin_002_disagreement.RULE, looked_at) == []


# HW-BIN-003


def test_another_host_is_named_with_the_import_that_gives_it_away() -> None:
    looked_at = subject(f'(module {RANDOM} (import "wbg" "__wbindgen_throw" (func)))')

    (found,) = found_by(bin_003_foreign_host.RULE, looked_at)

    assert found.about == "wasm-bindgen"
    assert found.evidence[0].detail == "told from wbg.__wbindgen_throw"
    assert found.evidence[0].offset == looked_at.artifact.imports[1].offset


def test_another_host_can_be_told_from_a_section() -> None:
    (found,) = found_by(bin_003_foreign_host.RULE, subject('(module (@custom "dylink.0" ""))'))

    assert found.evidence[0].kind == "binary"
    assert found.evidence[0].offset is None


@pytest.mark.parametrize("version", ["0.3.0", "0.3.0-rc-2025-09-16"])
def test_wasi_0_3_is_the_same_weakness_whatever_is_imported_first(version: str) -> None:
    component = f'(component (import "wasi:cli/exit@{version}" (instance (export "x" (func)))))'

    (found,) = found_by(bin_003_foreign_host.RULE, subject(component))

    assert found.about == "WASI 0.3"


# HW-BIN-004


def target_features(*entries: str) -> str:
    encoded = "".join(
        f"\\{ord(entry[0]):02x}\\{len(entry) - 1:02x}{entry[1:]}" for entry in entries
    )
    return f'(module (@custom "target_features" "\\{len(entries):02x}{encoded}"))'


def test_a_feature_that_the_structure_needs_is_certain() -> None:
    (found,) = found_by(bin_004_features.RULE, subject("(module (memory i64 1))"))

    assert found.about == features.MEMORY64
    assert found.confidence is None


def test_a_feature_that_only_a_section_lists_is_less_certain() -> None:
    looked_at = subject(target_features("+atomics", "+sign-ext", "-exception-handling"))

    (found,) = found_by(bin_004_features.RULE, looked_at)

    assert found.about == features.THREADS
    assert found.confidence == "medium"
    assert found.evidence[0].offset == looked_at.artifact.customs[0].offset


def test_a_feature_that_both_show_is_one_finding() -> None:
    listed = target_features("+atomics", "+shared-mem").removesuffix(")")

    looked_at = subject(f"{listed} (memory 1 2 shared))")

    assert weights(bin_004_features.RULE, looked_at) == [(features.THREADS, "high")]


def test_a_section_that_cannot_be_read_lists_nothing() -> None:
    looked_at = subject('(module (@custom "target_features" "\\02+\\7fatomics"))')

    assert found_by(bin_004_features.RULE, looked_at) == []


# HW-BIN-005


def grown(**changes: Any) -> Subject:
    module = replace(core_module(), **changes)
    return subject_with(artifact=artifact_of(module))


@pytest.mark.parametrize(
    ("looked_at", "about", "words"),
    [
        (grown(code_bytes=bin_005_size.MAX_CODE_BYTES + 1), "code", "64.0MiB of code"),
        (
            grown(largest_function_bytes=bin_005_size.MAX_FUNCTION_BYTES + 1024),
            "function",
            "513KiB in one function",
        ),
        (grown(functions=200_001), "functions", "200001 functions"),
        (
            subject_with(artifact=artifact_of(*[core_module(path=(0,))] * 101)),
            "modules",
            "101 modules inside",
        ),
    ],
)
def test_each_ceiling_is_told_with_what_was_found(
    looked_at: Subject, about: str, words: str
) -> None:
    (found,) = found_by(bin_005_size.RULE, looked_at)

    assert found.about == about
    assert found.message.startswith(f"It has {words}, ")


def test_what_just_reaches_the_ceilings_passes() -> None:
    looked_at = grown(
        code_bytes=bin_005_size.MAX_CODE_BYTES,
        largest_function_bytes=bin_005_size.MAX_FUNCTION_BYTES,
        functions=bin_005_size.MAX_FUNCTIONS,
    )

    assert found_by(bin_005_size.RULE, looked_at) == []


# HW-BIN-006


def test_a_start_function_without_imports_can_ask_for_nothing() -> None:
    looked_at = subject("(module (func $early) (start $early))")

    assert found_by(bin_006_start.RULE, looked_at) == []


def test_the_functions_at_hand_at_start_are_shown() -> None:
    looked_at = subject(f"(module {RANDOM} (func $early) (start $early))")

    (found,) = found_by(bin_006_start.RULE, looked_at)

    assert found.evidence[1].detail == (
        "wasi_snapshot_preview1.random_get: draws unpredictable bytes"
    )


def test_start_functions_of_inner_modules_are_information() -> None:
    component = """
    (component
      (import "wasi:cli/exit@0.2.3" (instance (export "exit" (func (param "code" u32)))))
      (core module (func $early) (start $early)))
    """

    assert weights(bin_006_start.RULE, subject(component)) == [("inner start", "info")]


# HW-BIN-007


def test_each_unknown_namespace_is_a_finding_of_its_own() -> None:
    looked_at = subject(
        '(module (import "zoo" "a" (func)) (import "env" "b" (func)) (import "zoo" "c" (func)))'
    )

    assert weights(bin_007_unknown_import.RULE, looked_at) == [("env", "medium"), ("zoo", "medium")]


def test_every_unknown_namespace_is_told_so_that_none_hides_behind_others() -> None:
    imports = "".join(f'(import "n{index}" "f" (func))' for index in range(50))

    assert len(found_by(bin_007_unknown_import.RULE, subject(f"(module {imports})"))) == 50


def test_the_functions_of_one_namespace_are_listed_up_to_a_number() -> None:
    imports = "".join(f'(import "env" "f{index}" (func))' for index in range(50))

    (found,) = found_by(bin_007_unknown_import.RULE, subject(f"(module {imports})"))

    assert len(found.evidence) == 9
    assert found.evidence[-1].detail == "and 42 more"


def test_a_hostile_namespace_is_spelled_out() -> None:
    (found,) = found_by(
        bin_007_unknown_import.RULE, subject('(module (import "\\1b[2J" "\\e2\\80\\ae" (func)))')
    )

    assert "\x1b" not in found.message + found.about
    assert found.evidence[0].detail.startswith("\\x1b[2J.\\u202e: ")


# HW-BIN-008


def test_preview_1_inside_a_component_is_information_and_no_capability() -> None:
    component = f"(component (core module {RANDOM}))"
    looked_at = subject(component)

    (found,) = found_by(bin_008_bundled.RULE, looked_at)

    assert found.severity == "info"
    assert found.evidence[0].detail.endswith("imports 1 functions of preview 1, inside only")
    assert looked_at.artifact.imports == ()


def test_many_modules_inside_are_told() -> None:
    component = f"(component {'(core module)' * (bin_008_bundled.MAX_MODULES + 1)})"

    assert weights(bin_008_bundled.RULE, subject(component)) == [("parts", "low")]


def test_a_core_module_holds_nothing_else() -> None:
    assert found_by(bin_008_bundled.RULE, subject(f"(module {RANDOM})")) == []
