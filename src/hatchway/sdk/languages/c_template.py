"""The files of a new tool in C."""

from __future__ import annotations

from hatchway.sdk.languages.python_template import IGNORED, MAKEFILE, filled

_SOURCE = r"""/* Measures a text: it comes on standard input, the answer goes to standard output. */

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

int main(void) {
    long characters = 0, words = 0, lines = 0;
    bool inside = false;
    for (int byte; (byte = getchar()) != EOF;) {
        if ((byte & 0xC0) != 0x80) /* not the rest of a character of several bytes */
            characters++;
        if (byte == '\n')
            lines++;
        bool is_space = isspace(byte);
        if (!is_space && !inside)
            words++;
        inside = !is_space;
    }
    if (characters == 0) {
        fputs("the text is empty\n", stderr);
        return 1;
    }
    printf("{\"characters\": %ld, \"words\": %ld, \"lines\": %ld}\n", characters, words, lines);
    return 0;
}
"""

_TOOL = """name = "@NAME@"
version = "0.1.0"
licence = "Apache-2.0"
purpose = "Measure a text"
description = "Counts the characters, the words and the ends of lines of a text."
abi = "argv"
stdin = "{text}"
result = "json"

[annotations]
readOnlyHint = true
idempotentHint = true

[input]
type = "object"
required = ["text"]
additionalProperties = false

[input.properties]
text = { type = "string", maxLength = 1_000_000, description = "The text." }

[output]
type = "object"
required = ["characters", "words", "lines"]
additionalProperties = false

[output.properties]
characters = { type = "integer" }
words = { type = "integer" }
lines = { type = "integer" }
"""

_CALLS = r"""# Calls that `hatchway test` makes, each in a fresh sandbox, as an MCP client would.

[[call]]
name = "counts characters, words and lines"
arguments = { text = "grün ist\nschön\n" }
result = { characters = 15, words = 3, lines = 2 }

[[call]]
name = "says that there is nothing to measure"
arguments = { text = "" }
error = "the text is empty"
"""

_README = """# @NAME@

A tool for MCP clients, in C. It runs in a WebAssembly sandbox and may touch nothing.

| File | Holds |
|---|---|
| `main.c` | the program; every `.c` file here is compiled and linked |
| `tool.toml` | what it is for, what it takes and gives, and how that becomes a command line |
| `calls.toml` | calls of the finished tool, and what they must answer |

```sh
hatchway build            # compile, audit, write @NAME@.wasm
hatchway test             # make the calls in the sandbox
hatchway dev              # serve to an MCP client, and rebuild on every change
```
"""


def files_of(name: str) -> dict[str, str]:
    """The files, by path."""
    files = {
        "main.c": _SOURCE,
        "tool.toml": _TOOL,
        "calls.toml": _CALLS,
        "Makefile": MAKEFILE,
        ".gitignore": IGNORED,
        "README.md": _README,
    }
    return filled(files, name)
