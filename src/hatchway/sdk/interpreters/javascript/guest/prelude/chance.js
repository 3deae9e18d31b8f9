// Chance: drawn from the host when it is first needed, so that no two calls share it.

const state = [0, 0, 0, 1];
let isSeeded = false;
const seed = () => {
  const bytes = randomBytes(12);
  for (let word = 0; word < 3; word++)
    for (let at = 0; at < 4; at++) state[word] = state[word] << 8 | bytes[word * 4 + at];
  isSeeded = true;
  for (let round = 0; round < 12; round++) step();
};
const step = () => { // sfc32
  if (!isSeeded) seed();
  const result = (state[0] + state[1] | 0) + state[3] | 0;
  state[3] = state[3] + 1 | 0;
  state[0] = state[1] ^ state[1] >>> 9;
  state[1] = state[2] + (state[2] << 3) | 0;
  state[2] = (state[2] << 21 | state[2] >>> 11) + result | 0;
  return result >>> 0;
};
hidden(Math, 'random', named('random', () =>
  ((step() >>> 5) * 67108864 + (step() >>> 6)) / 9007199254740992));
const bytesSet = method(getPrototypeOf(Uint8Array), 'set');
const crypto = {};
hidden(crypto, 'getRandomValues', named('getRandomValues', array => {
  const kind = guarded(() => typedTag(array));
  if (kind === undefined || indexOf(kind, 'Float') === 0)
    throw new Kind('getRandomValues needs an array of integers');
  if (array.byteLength > 65536) throw new RangeError('more than 65536 bytes at once');
  bytesSet(new Bytes(array.buffer, array.byteOffset, array.byteLength),
    randomBytes(array.byteLength));
  return array;
}));
hidden(crypto, 'randomUUID', named('randomUUID', () => {
  const bytes = randomBytes(16), digits = '0123456789abcdef';
  let text = '';
  for (let at = 0; at < 16; at++) {
    let byte = bytes[at];
    if (at === 6) byte = byte & 15 | 64;
    if (at === 8) byte = byte & 63 | 128;
    text += (at === 4 || at === 6 || at === 8 || at === 10 ? '-' : '')
      + digits[byte >> 4] + digits[byte & 15];
  }
  return text;
}));
hidden(world, 'crypto', crypto);
const performance = {};
hidden(performance, 'now', named('now', () => monotonic()));
hidden(world, 'performance', performance);
