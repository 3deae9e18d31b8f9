"""A user's own policy with signed tools: keys, signatures beside files, and `[trust]` tables."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.provenance.bundle import sign_artifact
from hatchway.provenance.keys import Message, PrivateKey, generate_key

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True)
class Publisher:
    """Somebody with a key."""

    key: PrivateKey = field(default_factory=lambda: generate_key("ed25519"))

    @property
    def line(self) -> str:
        """The public half as a policy has it."""
        return base64.b64encode(self.key.public.der).decode()

    @property
    def name(self) -> str:
        """How messages and lockfiles name it."""
        return f"key:{self.key.public.key_id}"

    def bundle(self, data: bytes) -> bytes:
        """A signature of `data`."""
        return sign_artifact(self.key, Message(data))

    def sign(self, file: Path, suffix: str = ".wasm.sigstore.json") -> None:
        """Sign a `.wasm` file, with the signature beside it."""
        beside = file.with_name(file.name.removesuffix(".wasm") + suffix)
        beside.write_bytes(self.bundle(file.read_bytes()))

    def signer(self, until: date | None = None) -> str:
        """A signer as a rule names it."""
        last = "" if until is None else f", until = {until}"
        return f'{{ key = "{self.line}"{last} }}'


def own_policy() -> Path:
    """The user's own policy file, which is always in force."""
    return Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"


def write_own(text: str) -> None:
    """Replace what the user's own policy says, the tools that it has excepted."""
    file = own_policy()
    file.parent.mkdir(parents=True, exist_ok=True)
    present = file.read_text() if file.exists() else ""
    tools = present[present.index("[tools") :] if "[tools" in present else ""
    file.write_text(f"version = 1\n{text}\n{tools}")


def rule(match: str, *signers: str, more: str = "") -> str:
    """A `[[trust.rules]]` table."""
    return f'[[trust.rules]]\nmatch = "{match}"\nsigners = [{", ".join(signers)}]\n{more}\n'
