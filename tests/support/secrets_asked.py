"""Asking where secrets come from, and seeing to it that no complaint gives one away."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

import pytest

from hatchway.core.capability import HttpAccess
from hatchway.core.errors import ConfigError
from hatchway.egress.secret_sources import resolve
from hatchway.policy.secrets import SecretRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.policy.secrets import SecretSource

VALUE = "sk-live_Ab3/xY9+Zq==tok"


def rule(kind: SecretSource, source: object) -> SecretRule:
    """The rule about a secret from there."""
    origin = HttpAccess(scheme="https", host="e.org", port=443)
    return SecretRule(name="API_KEY", kind=kind, source=str(source), origin=origin)


def value(
    kind: SecretSource,
    source: object,
    environment: Mapping[str, str] = os.environ,
    **patience: float,
) -> str:
    """The value that is found there."""
    return resolve(rule(kind, source), environment, **patience).reveal()


def complaint(
    kind: SecretSource,
    source: object,
    environment: Mapping[str, str] = os.environ,
    **patience: float,
) -> ConfigError:
    """Why there is no value, checked not to give anything away, wherever it is shown."""
    with pytest.raises(ConfigError) as caught:
        resolve(rule(kind, source), environment, **patience)
    error = caught.value
    assert "API_KEY" in error.message
    shown = f"{error!r} {error.hint} {error.details} {''.join(traceback.format_exception(error))}"
    assert VALUE not in shown
    return error
