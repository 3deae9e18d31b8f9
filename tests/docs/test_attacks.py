"""Every attack that the security model lists has the tests it names, where it names them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "security-model.md").read_text()
TABLE = PAGE.partition("\n## The network: what was tried")[2]
ROWS = [line.split(" | ") for line in TABLE.splitlines() if line.startswith("| ")][1:]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((REPOSITORY / "tests" / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].removeprefix("| ")[:60])
def test_an_attack_in_the_table_has_the_tests_it_names(row: list[str]) -> None:
    proofs = row[2].removesuffix(" |").split("; ")

    for proof in proofs:
        file, *names = re.findall(r"`([^`]+)`", proof)
        assert names
        assert set(names) <= functions_of(file), file


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`([a-z]+/test_[a-z_0-9]+\.py)`", TABLE))

    assert [file for file in named if not (REPOSITORY / "tests" / file).is_file()] == []
