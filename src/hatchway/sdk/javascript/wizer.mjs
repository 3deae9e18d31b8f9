// What componentize-js starts as Wizer. It passes the same arguments, and words on standard input.

import { openSync, readFileSync, writeFileSync } from "node:fs";

import { snapshot } from "./snapshot.mjs";

const words = process.argv.slice(2);
const after = (name) =>
  words.filter((each) => each.startsWith(name)).map((each) => each.slice(name.length));

// The directory where we are has the same name for the program everywhere.
const seen = (text) => text.replaceAll(process.cwd(), "/build");
const input = "input";
writeFileSync(input, seen(readFileSync(0, "utf8")));

// What describes the program. The shell in between adds names of its own.
const isMeant = ([name]) => /^(DEBUG|SOURCE_NAME|(EXPORT|IMPORT|FEATURE)\w*)$/.test(name);

const initialised = snapshot(readFileSync(words.at(-1)), words[words.indexOf("--init-func") + 1], {
  preopens: Object.fromEntries([
    ...after("--dir=").map((directory) => [seen(directory), directory]),
    ...after("--mapdir=").map((pair) => pair.split("::")),
  ]),
  environment: Object.fromEntries(Object.entries(process.env).filter(isMeant).sort()),
  input: openSync(input),
});
writeFileSync(after("-o=")[0], initialised);
