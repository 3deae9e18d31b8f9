"""From a module to its WIT and the tools of its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.sdk.authoring.reading import Signature, signatures_of
from hatchway.sdk.authoring.shapes import label

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = "local:tool"
WORLD = "tool"
_FETCH = "hatchway:egress/fetch@0.1.0"


def described(module: ModuleType) -> dict[str, Any]:
    """What a build must know about a module, as JSON values.

    Raises:
        UnfitError: It cannot become a component.
    """
    signatures, known = signatures_of(module)
    tools = [_entry(each) for each in signatures]
    asks_web = any("net.http=" in each for entry in signatures for each in _asked(entry))
    imports = [f"  import {_FETCH};"] if asks_web else []
    functions = [_function(each) for each in signatures]
    body = "\n".join([*imports, *known.definitions, *functions])
    return {
        "wit": f"package {PACKAGE};\n\nworld {WORLD} {{\n{body}\n}}\n",
        "tools": tools,
        "asks": sorted({each for entry in signatures for each in _asked(entry)}),
    }


def _asked(signature: Signature) -> list[str]:
    declaration = signature.declaration
    return [*declaration.requires, *declaration.optional]


def _function(signature: Signature) -> str:
    parameters = ", ".join(
        f"%{label(each.name)}: {each.shape.wit}" for each in signature.parameters
    )
    result = "_" if signature.result is None else signature.result.wit
    return f"  export %{label(signature.name)}: func({parameters}) -> result<{result}, string>;"


def _entry(signature: Signature) -> dict[str, Any]:
    declaration = signature.declaration
    annotations: dict[str, Any] = dict(declaration.effects)
    if declaration.title:
        annotations["title"] = declaration.title
    entry: dict[str, Any] = {
        "name": signature.name,
        "purpose": declaration.purpose,
        "description": signature.words.description or declaration.purpose,
        "json": "plain",
        "parameters": {
            each.name: each.description for each in signature.parameters if each.description
        },
        "requires": _wants(declaration.requires),
        "optional": _wants(declaration.optional),
        "annotations": annotations,
    }
    return {key: value for key, value in entry.items() if value}


def _wants(reasons: Any) -> list[dict[str, str]]:
    return [{"capability": what, "reason": why} for what, why in reasons.items()]
