// node build.mjs PLAN: one component of a JavaScript program and an engine, always the same.
//
// It runs in a directory of its own, and knows it by relative names: paths of this machine get into
// the memory that becomes part of the component.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const plan = JSON.parse(process.argv[2]);
const packages = pathToFileURL(`${plan.packages}/node_modules/`);
// Names of temporary directories, and the time that is put where there shall be no clock.
Math.random = () => 0.5;
Date.now = () => 946_684_800_000;

const { componentize } = await import(
  new URL("@bytecodealliance/componentize-js/src/componentize.js", packages)
);
const { default: oxc } = await import(new URL("oxc-parser/index.js", packages));

// Processor seconds. A program whose first lines never end would outlive this process.
const SECONDS = 60;
const wizerBin = "./wizer";
const quoted = (path) => `'${path.replaceAll("'", "'\\''")}'`;
writeFileSync(
  wizerBin,
  `#!/bin/sh\nulimit -t ${SECONDS}\n` +
    `exec ${quoted(process.execPath)} --no-warnings ${quoted(plan.wizer)} "$@"\n`,
);
chmodSync(wizerBin, 0o700);

try {
  const entry = "source/hatchway-entry.js";
  writeFileSync(entry, entryFor(plan.main, readFileSync(`source/${plan.main}`, "utf8")));
  const { component } = await componentize({
    sourcePath: `./${entry}`,
    sourceName: plan.main,
    witPath: "wit",
    disableFeatures: plan.without,
    wizerBin,
  });
  writeFileSync("out.wasm", component);
} catch (error) {
  const said = String(error?.message ?? error);
  const isKilled = said.includes("killed by signal: SIG");
  console.error(isKilled ? `${plan.main} does not end while it is loaded` : said);
  process.exitCode = 1;
}

// A module with the same exports, whose functions throw text where the program throws an `Error`:
// the error of a `result<…, string>` is a string, and an object in its place would be a trap.
function entryFor(main, text) {
  const { module, errors } = oxc.parseSync(main, text);
  if (errors.length > 0) throw new Error(`${main}: ${errors[0].codeframe ?? errors[0].message}`);
  const names = module.staticExports.flatMap(({ entries }) =>
    entries.map(({ exportName }) => exportName.name),
  );
  const isPlain = (name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default";
  return [
    `import * as program from ${JSON.stringify(`./${main}`)};`,
    "const said = (error) => {",
    "  throw error instanceof Error ? String(error) : error;",
    "};",
    "const heard = (value) => {",
    '  if (value === null || !["function", "object"].includes(typeof value)) return value;',
    '  if (typeof value === "object") {',
    "    const pairs = Object.entries(value).map(([name, each]) => [name, heard(each)]);",
    "    return Object.fromEntries(pairs);",
    "  }",
    '  if (/^class\\b/.test(Function.prototype.toString.call(value))) return value;',
    "  return (...given) => {",
    "    try {",
    "      const found = value(...given);",
    "      return found instanceof Promise ? found.catch(said) : found;",
    "    } catch (error) {",
    "      return said(error);",
    "    }",
    "  };",
    "};",
    ...names.filter(isPlain).map((name) => `export const ${name} = heard(program.${name});`),
    "",
  ].join("\n");
}
