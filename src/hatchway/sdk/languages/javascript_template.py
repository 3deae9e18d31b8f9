"""The files of a new tool in JavaScript."""

from __future__ import annotations

from hatchway.sdk.languages.python_template import MAKEFILE, filled

_MAIN = """// @NAME@: the functions of world.wit. Their names are in camel case here.
//
// What a function throws, if it is a string, is what the caller is told went wrong.

export function countWords(text, atLeast = 1) {
  const counts = new Map();
  for (const word of text.toLowerCase().split(/\\s+/).filter(Boolean)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  if (counts.size === 0) throw "there is no word in the text";
  return [...counts]
    .map(([word, number]) => ({ word, number }))
    .filter(({ number }) => number >= atLeast)
    .sort((a, b) => (a.word < b.word ? -1 : 1));
}
"""

_WORLD = """package local:tool;

world tool {
  record word-count {
    word: string,
    number: u32,
  }

  /// Count how often each word stands in a text.
  export count-words: func(text: string, at-least: option<u32>) -> result<list<word-count>, string>;
}
"""

_TOOL = """name = "@NAME@"
version = "0.1.0"
licence = "Apache-2.0"

[[tools]]
name = "count-words"
purpose = "Count how often each word stands in a text"
description = "Counts how often each word stands in a text, whatever its case."
annotations = { readOnlyHint = true, idempotentHint = true }
"""

_CALLS = """# Calls that `hatchway test` makes, each in a fresh sandbox, as an MCP client would.

[[call]]
name = "counts words whatever their case"
function = "count-words"
arguments = { text = "Oh oh my" }
result = [{ word = "my", number = 1 }, { word = "oh", number = 2 }]

[[call]]
name = "leaves rare words out"
function = "count-words"
arguments = { text = "a b b", at-least = 2 }
result = [{ word = "b", number = 2 }]

[[call]]
name = "says what is wrong"
function = "count-words"
arguments = { text = " " }
error = "there is no word in the text"
"""

_README = """# @NAME@

A tool for MCP clients, in JavaScript. It runs in a WebAssembly sandbox and may touch nothing.

| File | Holds |
|---|---|
| `tool.js` | the functions |
| `world.wit` | their names and types |
| `tool.toml` | what they are for |
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
        "tool.js": _MAIN,
        "world.wit": _WORLD,
        "tool.toml": _TOOL,
        "calls.toml": _CALLS,
        "Makefile": MAKEFILE,
        ".gitignore": "*.wasm\nnode_modules/\n",
        "README.md": _README,
    }
    return filled(files, name)
