"""`hatchway:tools/tools`: a component asks for the other tools that its call was granted.

`component` has the host functions. They read what the guest says, hand it to the `Tools` of the
run, and put its answer where the guest wants it; nothing here decides. Without `Tools` every
call is a denial.

The interface for authors is `src/hatchway/sdk/guest/tools.wit`, and `docs/code-mode.md`.
"""

INTERFACE = "hatchway:tools/tools"
VERSION = "0.1.0"
