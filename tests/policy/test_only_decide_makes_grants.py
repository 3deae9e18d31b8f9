"""Exactly one function hands out power: nothing in `src` but `policy/decide.py` makes a Grant.

The guard reads the syntax tree of every module, imports nothing of it, and errs towards
complaining. A module that only annotates with `Grant` names it under `TYPE_CHECKING`, where
nothing can be constructed; anywhere else the name may not even be mentioned outside of
annotations. What could copy or conjure up a grant without its name (`replace` and `copy` of
something called a grant, `__new__`, `__setattr__`, pickle) is looked for separately.

A worker is another process. There a grant that `decide` made is put together again from words, by
one function, which the server itself never calls. It could give a worker no power: the kernel holds
that process to what the server handed it.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hatchway

SOURCE = Path(hatchway.__file__).parent
ALLOWED = SOURCE / "policy" / "decide.py"
DEFINED = SOURCE / "core" / "grant.py"
IN_A_WORKER = SOURCE / "workers" / "orders.py"
"""Puts together again, inside a worker, the grant that the server sent it."""
INSIDE = SOURCE / "sdk" / "interpreters" / "python_guest"
"""Runs code inside the sandbox, where no grant is. Nothing outside imports it: see tests/frame."""

COPIERS = {"replace", "copy", "deepcopy", "__replace__", "__copy__", "__deepcopy__"}
CONJURERS = {
    "__new__",
    "__reduce__",
    "__reduce_ex__",
    "__setstate__",
    "__class__",
    "__subclasses__",
}
REACHERS = {"type", "__setattr__"}
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "copyreg"}
EVALUATORS = {"eval", "exec", "compile", "__import__"}


def offences(text: str) -> list[str]:
    """Every place in a module's text that could make a grant, as ``line: what``."""
    tree = ast.parse(text)
    harmless = _harmless(tree)
    visible = [node for node in ast.walk(tree) if id(node) not in harmless]
    found = [
        (node.lineno, what)
        for node in visible
        if (what := _offence(node)) and isinstance(node, ast.expr | ast.stmt)
    ]
    return [f"{line}: {what}" for line, what in sorted(found)]


def _harmless(tree: ast.Module) -> set[int]:
    """The nodes that cannot run, or only describe: annotations and `if TYPE_CHECKING`."""
    quiet: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body):
                quiet += body
            case ast.FunctionDef(returns=ast.expr() as described):
                quiet.append(described)
            case ast.arg(annotation=ast.expr() as described):
                quiet.append(described)
            case ast.AnnAssign(annotation=described):
                quiet.append(described)
            case _:
                pass
    return {id(inner) for node in quiet for inner in ast.walk(node)}


def _offence(node: ast.AST) -> str | None:
    return _mention(node) or _import(node) or _call(node)


def _mention(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id="Grant") | ast.Attribute(attr="Grant"):
            return "mentions Grant"
        case ast.Constant(value=str() as value) if value in {"Grant", "hatchway.core.grant"}:
            return "spells Grant"
        case ast.Attribute(attr=attribute, value=value) if attribute in CONJURERS | COPIERS:
            return "conjures up a grant" if _looks_like_a_grant(value) else None
        case _:
            return None


def _import(node: ast.AST) -> str | None:
    match node:
        case ast.Import() | ast.ImportFrom() if _modules(node) & UNPICKLERS:
            return "can unpickle"
        case ast.ImportFrom() if _takes_grant(node):
            return "imports Grant at run time"
        case ast.Import(names=names) if any("hatchway.core.grant" in name.name for name in names):
            return "imports the module of Grant at run time"
        case _:
            return None


def _call(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in EVALUATORS:
            return "evaluates text"
        case ast.Call(func=function, args=arguments) if _name(function) in COPIERS | REACHERS:
            return "reaches around a grant" if any(map(_looks_like_a_grant, arguments)) else None
        case _:
            return None


def _takes_grant(node: ast.ImportFrom) -> bool:
    from_words = node.module == "hatchway.core"
    return node.module == "hatchway.core.grant" or (
        from_words and any(name.name in ("grant", "*") for name in node.names)
    )


def _modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    return {name.name.split(".")[0] for name in node.names}


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _looks_like_a_grant(node: ast.expr) -> bool:
    """Whether some name in the expression says that it is one."""
    return any(
        "grant" in str(getattr(inner, "id", getattr(inner, "attr", ""))).lower()
        for inner in ast.walk(node)
    )


MODULES = sorted(SOURCE.rglob("*.py"))


def test_all_of_the_source_is_read() -> None:
    assert ALLOWED in MODULES
    assert DEFINED in MODULES
    assert any(INSIDE in module.parents for module in MODULES)
    assert len(MODULES) > 50


@pytest.mark.claim("policy.one-maker")
def test_no_other_module_makes_a_grant() -> None:
    read = [
        module
        for module in MODULES
        if module not in (ALLOWED, DEFINED, IN_A_WORKER) and INSIDE not in module.parents
    ]

    found = {str(module.relative_to(SOURCE)): offences(module.read_text()) for module in read}

    assert {name: all_of for name, all_of in found.items() if all_of} == {}
    assert len(found) > 50


@pytest.mark.parametrize("module", [ALLOWED, IN_A_WORKER], ids=lambda module: module.name)
def test_a_module_that_may_makes_one_in_one_place(module: Path) -> None:
    made = [
        node
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and _name(node.func) == "Grant"
    ]

    assert len(made) == 1


def test_what_is_sent_to_a_worker_becomes_a_grant_in_a_worker_alone() -> None:
    rebuilders = {"Grants", "order_from_wire"}

    users = {
        str(module.relative_to(SOURCE))
        for module in MODULES
        if module != IN_A_WORKER
        for node in ast.walk(ast.parse(module.read_text()))
        if (isinstance(node, ast.expr) and _name(node) in rebuilders)
        or (isinstance(node, ast.alias) and node.name in rebuilders)
    }

    assert users == {"runtime/worker_process.py"}


def test_the_module_that_defines_a_grant_makes_none() -> None:
    made = [
        node
        for node in ast.walk(ast.parse(DEFINED.read_text()))
        if isinstance(node, ast.Call)
        and (_name(node.func) in {"Grant", "cls"} | COPIERS | CONJURERS)
    ]

    assert made == []


def test_nobody_imports_a_grant_through_another_module_than_its_own() -> None:
    importers = {
        str(module.relative_to(SOURCE))
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ImportFrom)
        and any(name.name == "Grant" for name in node.names)
        and node.module != "hatchway.core.grant"
    }

    assert importers == set()


# The guard bites

PLANTED = {
    "a plain call": """
from hatchway.core.grant import Grant
grant = Grant(capabilities=(), environment=(), limits=limits)
""",
    "a call through the module": """
import hatchway.core.grant
grant = hatchway.core.grant.Grant(capabilities=(), environment=(), limits=limits)
""",
    "a call through the package": """
from hatchway.core import grant
made = grant.Grant(capabilities=(), environment=(), limits=limits)
""",
    "an import of everything": "from hatchway.core.grant import *",
    "an import under another name": """
from hatchway.core.grant import Grant as Permission
permission = Permission(capabilities=(), environment=(), limits=limits)
""",
    "an alias": """
from hatchway.core import grant as words
Permission = words.Grant
""",
    "an import inside a function": """
def sneak():
    from hatchway.core.grant import Grant
    return Grant
""",
    "a subclass": """
class Wider(Grant):
    pass
""",
    "a factory": "make = functools.partial(Grant, environment=())",
    "a default value": "def run(grant=Grant): ...",
    "a decorator": "@Grant\ndef run(): ...",
    "dataclasses.replace": """
import dataclasses
def widen(grant):
    return dataclasses.replace(grant, capabilities=everything)
""",
    "replace": """
from dataclasses import replace
def widen(granted):
    return replace(granted, limits=none)
""",
    "replace of an attribute": "replace(self._grant, limits=none)",
    "copy.replace": "copy.replace(grant, limits=none)",
    "__replace__": "wider = grant.__replace__(limits=none)",
    "a copy that can be changed": "mine = copy.copy(call.grant)",
    "a deep copy": "mine = copy.deepcopy(grant)",
    "__new__": "grant = Grant.__new__(Grant)",
    "__new__ of an instance's class": "wider = grant.__class__.__new__(grant.__class__)",
    "type of an instance": "wider = type(grant)(capabilities=(), environment=(), limits=limits)",
    "object.__setattr__": "object.__setattr__(grant, 'limits', none)",
    "object.__new__": """
from hatchway.core import grant as g
made = object.__new__(g.Grant)
""",
    "getattr by name": """
import hatchway.core.grant as g
made = getattr(g, "Grant")(capabilities=())
""",
    "an import by name": 'importlib.import_module("hatchway.core.grant")',
    "a dictionary of globals": 'globals()["Grant"](capabilities=())',
    "pickle": "import pickle\ngrant = pickle.loads(data)",
    "pickle under another name": "from pickle import loads as read",
    "marshal": "import marshal",
    "eval": "grant = eval(text)",
    "exec": "exec(text)",
    "__import__": "__import__(name)",
    "a call under TYPE_CHECKING's else": """
if TYPE_CHECKING:
    from hatchway.core.grant import Grant
else:
    from hatchway.core.grant import Grant
""",
    "a call in a default beside an annotation": "def run(grant: Grant = Grant()): ...",
}


@pytest.mark.parametrize("trick", PLANTED)
def test_the_guard_sees(trick: str) -> None:
    assert offences(PLANTED[trick])


INNOCENT = {
    "annotations": """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from hatchway.core.grant import Grant
def run(grant: Grant, *more: Grant, **named: Grant) -> Grant | None:
    held: Grant = grant
    return held
class Holder:
    grant: Grant
""",
    "reading a grant": "fuel = grant.limits.fuel",
    "asking decide": "grant = decide(tool, policy, principal)",
    "replacing something else": "entry = dataclasses.replace(policy, tools={})",
    "a policy that is granted to somebody": "def grant(name): edit.set_allowed(name, [])",
    "re.compile": "re.compile('x')",
    "replacing text": "text.replace('a', 'b')",
}


@pytest.mark.parametrize("code", INNOCENT)
def test_the_guard_leaves_alone(code: str) -> None:
    assert offences(INNOCENT[code]) == []
