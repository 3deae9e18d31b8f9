"""What an author's Python file imports, and what turns its hints into WIT and a manifest.

Everything in this package needs the standard library alone: a copy of it travels inside every
component that `hatchway build` makes of Python, and on the author's machine it works without
the rest of Hatchway.
"""
