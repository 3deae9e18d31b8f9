"""`hatchway:egress/fetch`: HTTP for core modules, and for components without `wasi:http`.

`module` is the streaming form for core modules, `component` the one function for components.
`request` reads what a guest asks for, and `failures` spells what became of it. The exchange with
the broker is that of `wasi:http` (`engine/http/exchange.py`), so nothing here decides either.

The interface for authors is in `src/hatchway/sdk/guest/` and `docs/fetch.md`.
"""

INTERFACE = "hatchway:egress/fetch"
VERSION = "0.1.0"
MODULE = "hatchway_fetch_0_1"
"""What core modules import it as. Without a dot, so that `MODULE.function` is read in one way."""
