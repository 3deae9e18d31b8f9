// A module after it was initialised: its memory and globals become the start of a new module.
//
// Wizer does the same, and lets the module see the clock and the randomness of this machine, so
// that no two builds are alike. Here both stand still.

import { WASI } from "node:wasi";

const CUSTOM = 0, GLOBAL = 6, EXPORT = 7, START = 8, DATA_COUNT = 12, DATA = 11;
const PAGE = 65536;
// Runs of zeros that are shorter than what a segment of its own would cost are kept.
const GAP = 16;
const UNSUPPORTED = 58;
// 2000-01-01, where the clock of a tool without a grant begins as well.
const NANOSECONDS = 946_684_800_000_000_000n;

/// The module after `initialise` has run, with these files and words.
export function snapshot(bytes, initialise, { preopens, environment, input }) {
  const sections = sectionsOf(bytes);
  const globals = globalsOf(sections);
  const exported = exportsOf(sections);
  const names = new Map(
    globals.flatMap((each, index) => (each.isMutable ? [[index, `hatchway:global-${index}`]] : [])),
  );
  const open = assembled(sections, {
    [EXPORT]: spelledExports([
      ...exported,
      ...[...names].map(([index, name]) => ({ name, kind: 3, index })),
    ]),
  });
  const instance = ran(open, initialise, { preopens, environment, input });
  const segments = segmentsOf(new Uint8Array(instance.exports.memory.buffer));
  return assembled(sections, {
    5: spelledMemory(sections, instance.exports.memory.buffer.byteLength / PAGE),
    [GLOBAL]: spelledGlobals(globals, (index) => instance.exports[names.get(index)]?.value),
    [EXPORT]: spelledExports(
      exported.filter(({ name }) => name !== initialise && name !== "_initialize"),
    ),
    [START]: null,
    [DATA_COUNT]: unsigned(segments.length),
    [DATA]: spelledData(segments),
  });
}

function ran(bytes, initialise, { preopens, environment, input }) {
  const wasi = new WASI({
    version: "preview1",
    args: [],
    env: environment,
    preopens,
    stdin: input,
    returnOnExit: false,
  });
  const module = new WebAssembly.Module(bytes);
  let instance;
  const view = () => new DataView(instance.exports.memory.buffer);
  const still = {
    clock_time_get: (_clock, _precision, at) => (view().setBigUint64(at, NANOSECONDS, true), 0),
    clock_res_get: (_clock, at) => (view().setBigUint64(at, 1_000_000n, true), 0),
    random_get: (at, length) => {
      const into = new Uint8Array(instance.exports.memory.buffer, at, length);
      into.forEach((_, index) => (into[index] = (index * 151 + 42) & 255));
      return 0;
    },
    // Directories are listed in an order of the file system's own.
    fd_readdir: () => UNSUPPORTED,
    path_filestat_get: (directory, flags, path, length, at) => {
      const errno = wasi.wasiImport.path_filestat_get(directory, flags, path, length, at);
      // Device and inode, then three times: what this machine made of the file, not what it is.
      for (const field of [0, 8, 40, 48, 56]) view().setBigUint64(at + field, 0n, true);
      return errno;
    },
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const known = from === "wasi_snapshot_preview1" && (still[name] ?? wasi.wasiImport[name]);
    (imports[from] ??= {})[name] = known || (() => {
      throw new Error(`${from}#${name} does not exist while the program is loaded`);
    });
  }
  instance = new WebAssembly.Instance(module, imports);
  wasi.initialize(instance);
  instance.exports[initialise]();
  return instance;
}

// Reading and writing the binary format: WebAssembly core specification, section 5.

function sectionsOf(bytes) {
  const found = [];
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at];
    const [size, start] = number(bytes, at + 1);
    found.push({ id, body: bytes.subarray(start, start + size) });
    at = start + size;
  }
  return found;
}

function assembled(sections, replaced) {
  const parts = [Buffer.from("\0asm\x01\0\0\0", "latin1")];
  for (const { id, body } of sections) {
    const content = id !== CUSTOM && id in replaced ? replaced[id] : body;
    if (content !== null) parts.push(Buffer.from([id]), unsigned(content.length), content);
  }
  return Buffer.concat(parts);
}

const bodyOf = (sections, id) => sections.find((each) => each.id === id)?.body ?? Buffer.from([0]);

function globalsOf(sections) {
  const body = bodyOf(sections, GLOBAL);
  let [count, at] = number(body, 0);
  const found = [];
  while (count-- > 0) {
    const [type, isMutable] = [body[at], body[at + 1] === 1];
    const start = at + 2;
    // Only constants: one instruction, its operand, `end`.
    if (![0x41, 0x42].includes(body[start])) throw new Error("a global that is no integer");
    for (at = start + 1; body[at] & 128; ) at++;
    at += 2;
    found.push({ type, isMutable, initial: body.subarray(start, at) });
  }
  return found;
}

function spelledGlobals(globals, valueOf) {
  const parts = globals.map(({ type, isMutable, initial }, index) => {
    const value = valueOf(index);
    const spelled = value === undefined
      ? initial
      : Buffer.from([type === 0x7e ? 0x42 : 0x41, ...signed(BigInt(value)), 0x0b]);
    return Buffer.concat([Buffer.from([type, isMutable ? 1 : 0]), spelled]);
  });
  return Buffer.concat([unsigned(globals.length), ...parts]);
}

function exportsOf(sections) {
  const body = bodyOf(sections, EXPORT);
  let [count, at] = number(body, 0);
  const found = [];
  while (count-- > 0) {
    const [length, start] = number(body, at);
    const name = body.toString("utf8", start, start + length);
    const kind = body[start + length];
    const [index, next] = number(body, start + length + 1);
    found.push({ name, kind, index });
    at = next;
  }
  return found;
}

function spelledExports(exported) {
  const parts = exported.map(({ name, kind, index }) => {
    const spelled = Buffer.from(name);
    return Buffer.concat([unsigned(spelled.length), spelled, Buffer.from([kind]), unsigned(index)]);
  });
  return Buffer.concat([unsigned(exported.length), ...parts]);
}

function spelledMemory(sections, pages) {
  const body = bodyOf(sections, 5);
  const [, next] = number(body, 2);
  if (body[0] !== 1 || body[1] > 1) throw new Error("not one plain memory");
  return Buffer.concat([body.subarray(0, 2), unsigned(pages), body.subarray(next)]);
}

function segmentsOf(memory) {
  const found = [];
  for (let at = 0; at < memory.length; ) {
    if (memory[at] === 0) {
      at++;
      continue;
    }
    const start = at;
    let end = at + 1;
    for (at = end; at < memory.length && at - end < GAP; at++) if (memory[at] !== 0) end = at + 1;
    found.push({ start, bytes: memory.subarray(start, end) });
    at = end;
  }
  return found;
}

function spelledData(segments) {
  const parts = segments.flatMap(({ start, bytes }) => [
    Buffer.from([0, 0x41, ...signed(BigInt(start)), 0x0b]),
    unsigned(bytes.length),
    bytes,
  ]);
  return Buffer.concat([unsigned(segments.length), ...parts]);
}

function number(bytes, at) {
  let [value, shift] = [0, 0];
  for (; bytes[at] & 128; at++, shift += 7) value += (bytes[at] & 127) * 2 ** shift;
  return [value + bytes[at] * 2 ** shift, at + 1];
}

function unsigned(value) {
  const spelled = [];
  for (; value >= 128; value = Math.floor(value / 128)) spelled.push((value % 128) | 128);
  return Buffer.from([...spelled, value]);
}

function signed(value) {
  const spelled = [];
  for (;;) {
    const low = Number(value & 127n);
    value >>= 7n;
    if ((value === 0n && low < 64) || (value === -1n && low >= 64)) return [...spelled, low];
    spelled.push(low | 128);
  }
}
