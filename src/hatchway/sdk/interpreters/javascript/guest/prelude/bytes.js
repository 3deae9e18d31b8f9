// Texts as bytes.

const bytesFor = (name, value) => {
  if (typeof value === 'string') return bytesOf(wellFormed(value));
  if (typedTag(value) !== undefined)
    return new Bytes(value.buffer, value.byteOffset, value.byteLength);
  if (guarded(() => bufferLength(value)) !== undefined) return new Bytes(value);
  throw new Kind(`${name} takes a string or bytes`);
};
const copied = bytes => {
  const copy = new Bytes(typedLength(bytes));
  bytesSet(copy, bytes);
  return copy.buffer;
};
hidden(world, 'TextEncoder', class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return bytesOf(wellFormed(Text(text))); }
});
hidden(world, 'TextDecoder', class TextDecoder {
  constructor(encoding = 'utf-8') {
    if (encoding !== 'utf-8' && encoding !== 'utf8' && encoding !== 'UTF-8')
      throw new RangeError('only utf-8 can be decoded');
  }
  get encoding() { return 'utf-8'; }
  decode(bytes) {
    return bytes === undefined ? '' : textOf(copied(bytesFor('decode', bytes)));
  }
});
