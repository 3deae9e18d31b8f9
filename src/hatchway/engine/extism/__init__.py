"""Plug-ins for Extism, run as they are: core modules that import `extism:host/env`.

A plug-in has no input and no output of its own. It asks for blocks of a second memory, which
belongs to a *kernel*, and hands bytes over in them. Our kernel is a core module of ours
(`kernel`), instantiated beside the plug-in for every call: what it does costs the call's fuel,
its memory is bounded by the call's limits, and whatever a plug-in makes of offsets and lengths
happens inside the sandbox. Only the functions that reach out of it are Python (`functions`,
`requests`), with the bodies and the broker of everything else.

The interface is that of Extism 1.x: its kernel's README, `extism/extism` on GitHub, and the
plug-in development kits.
"""

MODULE = "extism:host/env"
"""What plug-ins import the functions of every Extism host as."""
USER = "extism:host/user"
"""What they import the functions of one particular host as; nobody here provides any."""
