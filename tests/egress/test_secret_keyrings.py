"""Secrets in the system's keyring."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from keyring.backends.fail import Keyring as FailKeyring
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import KeyringLocked
from secrets_asked import VALUE, complaint, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keyring.backend import KeyringBackend


class Kept(NullKeyring):
    """Stands in for the keyring of a desktop, which a machine that runs tests has not."""

    priority = 1

    def __init__(self, answer: Any = VALUE) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def get_password(self, service: str, username: str, *_: object) -> Any:
        self.asked.append((service, username))
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, threading.Event):
            self.answer.wait(60)
        return self.answer


Kept.__module__ = "keyring.backends.SecretService"


def that_keeps_nothing(kind: Any) -> KeyringBackend:
    made: KeyringBackend = kind()
    return made


class Chain(Kept):
    """Stands in for several at once."""

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


Chain.__module__ = "keyring.backends.chainer"


@pytest.fixture(autouse=True)
def the_keyring_of_before() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def test_a_value_is_taken_from_the_keyring() -> None:
    kept = Kept()
    keyring.set_keyring(kept)

    assert value("keyring", "https://e.org/api/ada") == VALUE
    assert kept.asked == [("https://e.org/api", "ada")]


def test_of_several_keyrings_those_of_the_system_are_asked() -> None:
    keyring.set_keyring(Chain(that_keeps_nothing(NullKeyring), Kept(None), Kept()))

    assert value("keyring", "api/ada") == VALUE


def test_a_keyring_without_it_is_an_error() -> None:
    keyring.set_keyring(Kept(None))

    error = complaint("keyring", "my api/ada")

    assert error.code == "config.missing_secret"
    assert error.hint == "keyring set 'my api' ada"


@pytest.mark.parametrize(
    "backend",
    [
        that_keeps_nothing(FailKeyring),
        that_keeps_nothing(NullKeyring),
        Chain(that_keeps_nothing(NullKeyring)),
        Chain(),
    ],
)
def test_a_keyring_that_keeps_nothing_secret_is_refused(backend: KeyringBackend) -> None:
    keyring.set_keyring(backend)

    error = complaint("keyring", "api/ada")

    assert error.code == "config.no_keyring"
    assert "is none of the system's" in error.message


def test_a_keyring_of_anybody_else_is_refused_unasked() -> None:
    class Plain(Kept):
        """One that writes passwords into a file."""

    plain = Plain()
    keyring.set_keyring(plain)

    assert complaint("keyring", "api/ada").code == "config.no_keyring"
    assert plain.asked == []


@pytest.mark.parametrize("failure", [KeyringLocked(VALUE), OSError(VALUE), ValueError(VALUE)])
def test_what_a_keyring_says_when_it_fails_is_not_told(failure: Exception) -> None:
    keyring.set_keyring(Kept(failure))

    error = complaint("keyring", "api/ada")

    assert error.code == "config.missing_secret"
    assert error.message.endswith(f"cannot be read: {type(failure).__name__}")


def test_a_keyring_that_waits_for_somebody_does_not_hold_everything_up() -> None:
    nobody_came = threading.Event()
    keyring.set_keyring(Kept(nobody_came))

    error = complaint("keyring", "api/ada", keyring_seconds=0.05)

    nobody_came.set()
    assert error.code == "config.missing_secret"
    assert "is the keyring locked?" in error.message


def test_without_the_extra_there_is_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    error = complaint("keyring", "api/ada")

    assert error.code == "config.no_keyring"
    assert error.hint == "pip install 'hatchway[keyring]'"
