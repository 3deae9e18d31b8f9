"""The files of a new tool in Go."""

from __future__ import annotations

from hatchway.sdk.languages.python_template import MAKEFILE, filled

_MAIN = """// @NAME@ counts how often each word stands in a text.
//
// The arguments are JSON on standard input, the answer is JSON on standard output. What goes to
// standard error with a status other than 0 is what the caller is told went wrong.
package main

import (
\t"encoding/json"
\t"fmt"
\t"os"
\t"strings"
)

// arguments are what [input] in tool.toml says.
type arguments struct {
\tText    string `json:"text"`
\tAtLeast int    `json:"at_least"`
}

// answer is what [output] in tool.toml says. Maps are written in the order of their keys.
type answer struct {
\tCounts map[string]int `json:"counts"`
}

func main() {
\tasked := arguments{AtLeast: 1}
\tif err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
\t\tfail(err)
\t}
\tif err := json.NewEncoder(os.Stdout).Encode(count(asked)); err != nil {
\t\tfail(err)
\t}
}

func count(asked arguments) answer {
\tcounts := map[string]int{}
\tfor _, word := range strings.Fields(strings.ToLower(asked.Text)) {
\t\tcounts[word]++
\t}
\tfor word, number := range counts {
\t\tif number < asked.AtLeast {
\t\t\tdelete(counts, word)
\t\t}
\t}
\treturn answer{counts}
}

func fail(err error) {
\tfmt.Fprintln(os.Stderr, err)
\tos.Exit(1)
}
"""

_MODULE = """module @NAME@

go 1.21
"""

_TOOL = """name = "@NAME@"
version = "0.1.0"
licence = "Apache-2.0"
purpose = "Count how often each word stands in a text"
description = "Counts how often each word stands in a text, whatever its case."
abi = "json"

[input]
type = "object"
required = ["text"]
additionalProperties = false

[input.properties]
text = { type = "string", maxLength = 1_000_000, description = "The text." }
at_least = { type = "integer", minimum = 1, description = "Leave out words that are rarer." }

[output]
type = "object"
required = ["counts"]
additionalProperties = false

[output.properties.counts]
type = "object"
description = "How often each word stands there."
additionalProperties = { type = "integer" }

[annotations]
readOnlyHint = true
idempotentHint = true
"""

_CALLS = """# Calls that `hatchway test` makes, each in a fresh sandbox, as an MCP client would.

[[call]]
name = "counts words whatever their case"
arguments = { text = "Oh oh my" }
result = { counts = { my = 1, oh = 2 } }

[[call]]
name = "leaves rare words out"
arguments = { text = "a b b", at_least = 2 }
result = { counts = { b = 2 } }
"""

_README = """# @NAME@

A tool for MCP clients, in Go. It runs in a WebAssembly sandbox and may touch nothing.

| File | Holds |
|---|---|
| `main.go` | the program: JSON in, JSON out |
| `tool.toml` | what the tool is for, what it takes and gives |
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
        "main.go": _MAIN,
        "go.mod": _MODULE,
        "tool.toml": _TOOL,
        "calls.toml": _CALLS,
        "Makefile": MAKEFILE,
        ".gitignore": "*.wasm\n",
        "README.md": _README,
    }
    return filled(files, name)
