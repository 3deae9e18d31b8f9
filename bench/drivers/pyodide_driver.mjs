// Runs each line of its standard input, a JSON string of Python, in Pyodide:
// node pyodide_driver.mjs NODE_MODULES warm|fresh

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modules, how] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${modules}/pyodide/pyodide.mjs`));

let said = "";
const load = () => loadPyodide({ stdout: (text) => (said += text) });
let kept = null;

for await (const line of createInterface({ input: process.stdin })) {
  const code = JSON.parse(line);
  said = "";
  const began = process.hrtime.bigint();
  if (how === "fresh" || kept === null) kept = await load();
  kept.runPython(code);
  const took = Number(process.hrtime.bigint() - began) / 1000;
  process.stdout.write(`ran ${took} ${said.trim()}\n`);
}
