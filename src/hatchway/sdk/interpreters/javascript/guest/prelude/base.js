// What surrounds a program: it is run once, when the interpreter is built, and what it leaves in
// memory is where every call begins. Its last value is the function `ask`, which the adapter
// calls by number.
//
// The program shares this world and may change all of it. Nothing here looks up a method that it
// may have replaced: everything needed is kept in constants first, and `apply` calls it. A
// program that gets around that still gives no answer but its own.
const world = globalThis;
const { apply, defineProperty, ownKeys, getPrototypeOf } = Reflect;
const { parse, stringify } = JSON;
const { isArray } = Array;
const { isSafeInteger } = Number;
const { min, max } = Math;
const parseInt_ = parseInt;
const Text = String, Failure = Error, Kind = TypeError, Numeric = Number, Bytes = Uint8Array;
const Dictionary = Map, Pile = Set, Moment = Date, Buffer = ArrayBuffer, Pattern = RegExp;
const method = (holder, name) => {
  const found = holder.prototype[name];
  return (self, ...rest) => apply(found, self, rest);
};
const property = (holder, name) => {
  const found = Object.getOwnPropertyDescriptor(holder, name).get;
  return self => apply(found, self, []);
};
const wellFormed = method(String, 'toWellFormed'), slice = method(String, 'slice');
const indexOf = method(String, 'indexOf');
const mapSet = method(Map, 'set'), mapDelete = method(Map, 'delete');
const mapEach = method(Map, 'forEach'), setEach = method(Set, 'forEach');
const mapSize = property(Map.prototype, 'size'), setSize = property(Set.prototype, 'size');
const timeOf = method(Date, 'getTime'), isoOf = method(Date, 'toISOString');
const bigText = method(BigInt, 'toString'), tagOf = method(Object, 'toString');
const typedTag = property(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);
const typedLength = property(getPrototypeOf(Uint8Array.prototype), 'length');
const bufferLength = property(ArrayBuffer.prototype, 'byteLength');
const is = (value, kind) => value instanceof kind;
const isObject = value =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';
const guarded = (action, otherwise) => {
  try { return action(); } catch { return otherwise; }
};

const host = {};
for (const letter of 'oertwcdskmbapfguqxl') {
  host[letter] = world['__host_' + letter];
  delete world['__host_' + letter];
}
const { o: toStdout, e: toStderr, r: randomBytes, t: monotonic, w: wait, c: callTool,
  d: describeTool, s: searchTools, k: lastCode, m: lastMessage, b: bytesOf, a: textOf,
  p: directoryPath, f: openFile, g: readFile, u: writeFile, q: closeFile, x: removeFile,
  l: listDirectory } = host;

const append = (list, at, value) => defineProperty(list, at,
  { __proto__: null, value, writable: true, enumerable: true, configurable: true });
const hidden = (holder, name, value) => defineProperty(holder, name,
  { __proto__: null, value, writable: true, configurable: true, enumerable: false });
const named = (name, value) => {
  defineProperty(value, 'name', { __proto__: null, value: name, configurable: true });
  return value;
};
