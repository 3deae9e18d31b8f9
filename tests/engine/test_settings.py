"""An engine that could not keep guests apart does not start."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from hatchway.core.errors import ConfigError
from hatchway.core.surface import Compiler
from hatchway.engine import settings
from hatchway.engine.preview2 import linking
from hatchway.engine.preview2.binding import Function, unreachable
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings, new_engine, require_supported_wheel


@pytest.mark.claim("engine.refuses")
@pytest.mark.parametrize(
    "smaller",
    [
        {"guard_bytes": settings.MEMORY_GUARD_BYTES - 1},
        {"guard_bytes": 0},
        {"reservation_bytes": settings.MEMORY_RESERVATION_BYTES - 1},
        {"reservation_bytes": 0},
    ],
)
def test_smaller_guards_or_reservations_are_refused(smaller: dict[str, int]) -> None:
    with pytest.raises(ConfigError) as refused:
        EngineSettings(**smaller)

    assert refused.value.code == "config.unsafe_engine"


@pytest.mark.parametrize("calls", [0, -1, 1001])
def test_a_number_of_calls_that_makes_no_sense_is_refused(calls: int) -> None:
    with pytest.raises(ConfigError):
        EngineSettings(concurrent_calls=calls)


@pytest.mark.claim("engine.refuses")
@pytest.mark.parametrize("version", ["49.0.0", "51.0.0", "5.0.1", "500.1"])
def test_a_wheel_nobody_compared_with_is_refused(version: str) -> None:
    with pytest.raises(ConfigError) as refused:
        require_supported_wheel(version)

    assert refused.value.code == "config.unsupported_wheel"
    assert "pip install" in str(refused.value.hint)


@pytest.mark.claim("engine.refuses")
def test_a_wheel_that_registers_another_version_of_wasi_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(linking, "WASI_VERSION", "0.2.11")

    with pytest.raises(ConfigError, match=r"@0\.2\.11#") as refused:
        EngineSandbox(artifacts=lambda _: b"")

    assert refused.value.code == "config.unsupported_wheel"


@pytest.mark.claim("engine.refuses")
def test_a_function_that_wasi_does_not_have_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = {"wasi:cli/exit": {"escape": Function(unreachable)}}
    monkeypatch.setattr(linking, "FUNCTIONS", functions)

    with pytest.raises(ConfigError, match=r"wasi:cli/exit@0\.2\.12#escape"):
        linking.require_known_wasi(new_engine(EngineSettings(), "cranelift")[0])


@pytest.mark.parametrize("compiler", get_args(Compiler))
def test_every_switch_that_matters_is_part_of_what_code_is_bound_to(compiler: Compiler) -> None:
    text = settings.fingerprint(compiler)

    assert f";{compiler};" in text
    assert all(f"{name}=" in text for name in settings.FEATURES)
    assert "wasmtime=50." in text


_WITHOUT_A_POOL = """
import resource, sys
sys.path[:0] = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (24 << 30, 24 << 30))
from guests import command, run, sandbox, wasi
execution = run(command("(drop (call $sched_yield))", imports=wasi("sched_yield", "")))
print(sandbox().is_pooled, execution.stop)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
def test_where_a_pool_does_not_fit_memory_is_mapped_call_by_call() -> None:
    """wasmtime would abort the process if it were asked for a pool that does not fit."""
    here = [path for path in sys.path if path.endswith("support")]

    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_A_POOL, *here], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False None"
