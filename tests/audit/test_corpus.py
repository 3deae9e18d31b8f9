"""Artifacts of package registries that nobody here wrote, read, named, audited and compiled."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
from datetime import date
from functools import cache

import pytest
from corpus import Entry, differences, entries, read, surprises
from packages import PackageError, fetch, member_of_tarball, member_of_wheel

from hatchway.audit.evaluate import audit
from hatchway.audit.reading import read_artifact
from hatchway.core.errors import AdmissionError
from hatchway.engine.compiler import Workshop
from hatchway.engine.compiling import CompileBudgets, compile_artifact
from hatchway.runtime.subjects import subject_of

CORPUS = entries()
COMPILED = [entry for entry in CORPUS if entry.compile]
REFUSED = [entry for entry in CORPUS if entry.uncompilable is not None]
FOREIGN = {
    "Go's js/wasm", "Node-API", "WASI preview 0", "a component's core module",
    "adapter from preview 1", "dynamic linking", "emscripten", "proxy-wasm", "wasm-bindgen",
}  # fmt: skip


def by_name(entry: Entry) -> str:
    return entry.name


# The pins


def test_the_corpus_has_at_least_forty_artifacts_each_pinned_twice() -> None:
    digests = [entry.digest for entry in CORPUS]

    assert len(set(digests)) == len(CORPUS) >= 40
    assert len({entry.name for entry in CORPUS}) == len(CORPUS)
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests)
    for package in {entry.package for entry in CORPUS}:
        pattern = {"pypi": r"sha256:[0-9a-f]{64}", "npm": r"sha512-[A-Za-z0-9+/]{86}=="}
        assert re.fullmatch(pattern[package.registry], package.digest), package
        assert package.licence


def test_the_corpus_has_every_kind_and_every_host_that_registries_have() -> None:
    abis = {entry.abi for entry in CORPUS if entry.abi is not None}

    assert {entry.kind for entry in CORPUS} >= {"command", "reactor", "library", "component"}
    assert all(any(host in abi for abi in abis) for host in FOREIGN)


# The archives


def wheel(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tarball(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(file.getvalue())


def test_one_named_member_is_read_and_no_other() -> None:
    assert member_of_wheel(wheel(("a", b"1"), ("b", b"2")), "b") == b"2"
    assert member_of_tarball(tarball(("a", b"1"), ("b", b"2")), "b") == b"2"


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_member_that_is_missing_or_there_twice_is_not_guessed() -> None:
    for members in ((("b", b""),), (("a", b"1"), ("a", b"2"))):
        with pytest.raises(PackageError, match="named 'a'"):
            member_of_wheel(wheel(*members), "a")
        with pytest.raises(PackageError, match="named 'a'"):
            member_of_tarball(tarball(*members), "a")


# The artifacts


@pytest.fixture(scope="module")
def fetched() -> None:
    """Every package, in the cache. What cannot be fetched fails."""
    fetch(entry.package for entry in CORPUS)


@pytest.mark.artifacts
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("entry", CORPUS, ids=by_name)
def test_a_real_artifact_is_classified_and_nothing_critical_is_claimed_of_it(entry: Entry) -> None:
    data = read(entry)

    artifact = read_artifact(data)
    subject = subject_of(name=entry.name, data=data, manifest=None, artifact=artifact)
    report = audit(subject, today=date(2000, 1, 1))

    assert surprises(entry, artifact) == []
    assert artifact.digest == entry.digest
    critical = [found for found in report.findings if found.severity == "critical"]
    assert [f"{found.rule.id}: {found.message}" for found in critical] == []


@cache
def _workshop() -> Workshop:
    """What compiles, in this process: it describes even what no host of ours links."""
    return Workshop("cranelift")


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("entry", COMPILED, ids=by_name)
def test_a_real_artifact_has_the_imports_and_functions_that_the_engine_finds(entry: Entry) -> None:
    data = read(entry)

    _, found = _workshop().compile(data)

    assert differences(read_artifact(data).surface, found) == []


@pytest.mark.artifacts
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("entry", REFUSED, ids=by_name)
def test_the_engine_refuses_what_needs_features_that_are_off(entry: Entry) -> None:
    assert entry.uncompilable is not None

    with pytest.raises(AdmissionError, match=re.escape(entry.uncompilable)) as refused:
        compile_artifact(read(entry), CompileBudgets())

    assert refused.value.code == "admission.invalid"
