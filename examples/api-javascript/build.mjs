// node build.mjs [OUTPUT]: app.js and a JavaScript engine in one component.

import { readFile, writeFile } from "node:fs/promises";

import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize(await readFile("app.js", "utf8"), {
  witPath: "world.wit",
  worldName: "api",
});
await writeFile(process.argv[2] ?? "api-javascript.wasm", component);
