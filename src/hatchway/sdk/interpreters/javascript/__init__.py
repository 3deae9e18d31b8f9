"""The JavaScript interpreter: QuickJS as it was published, with our prelude and adapter.

The engine is not part of Hatchway. It is fetched when the interpreter is built, and is taken only
if its bytes are those that are named here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hatchway.sdk.interpreters.describing import described
from hatchway.sdk.interpreters.javascript.building import built
from hatchway.sdk.interpreters.javascript.engine import GUEST

if TYPE_CHECKING:
    from collections.abc import Callable

_VERSION = "quickjs-ng-0.17.0"
_ENGINE = (
    "npm:quickjs-wasi@3.6.2#quickjs.wasm"
    "@sha256:d4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9"
)


class JavaScriptRecipe:
    """How the JavaScript interpreter is made."""

    language = "javascript"
    needs = (_ENGINE,)

    @property
    def version(self) -> str:
        """The engine's version, and a digest of all that goes in."""
        digest = hashlib.sha256()
        for source in sorted((*GUEST.rglob("*.*"), *GUEST.parent.glob("*.py"))):
            content, name = source.read_bytes(), source.relative_to(GUEST.parent).as_posix()
            digest.update(f"{len(name)} {len(content)} {name}".encode() + content)
        return f"{_VERSION}-{digest.hexdigest()[:12]}"

    def missing(self) -> str | None:
        """Nothing has to be installed."""
        return None

    def build(self, tell: Callable[[str], None], *needed: bytes) -> bytes:
        """The component, twice the same.

        Raises:
            ConfigError: The build failed.
        """
        (engine,) = needed
        tell("building the JavaScript interpreter (once, a few seconds)")
        return described(built(engine), GUEST / "tool.toml")


RECIPE = JavaScriptRecipe()
