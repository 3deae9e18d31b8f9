"""The path of one call, and the slower one that leads to it.

Read `runtime.py` first: a call goes through `Runtime.call` from top to bottom. `admission`
is how an artifact becomes something that can be called, `catalog` is what can be called
now, `project` and `settings` know the files.
"""
