// The answer as JSON.

// What a value is as JSON. `JSON.stringify` does the rest.
const replaced = (key, value) => {
  if (typeof value === 'bigint') {
    const number = Numeric(value);
    return isSafeInteger(number) ? number : bigText(value);
  }
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value !== 'object' || value === null) return value;
  if (is(value, Dictionary)) return ofMap(value);
  if (is(value, Pile)) return ofSet(value);
  if (is(value, Pattern)) return Text(value);
  if (is(value, Failure)) return `${Text(value)}`;
  if (is(value, Buffer)) return listed(new Bytes(value));
  return typedTag(value) === undefined ? value : listed(value);
};
const listed = array => {
  const list = [];
  for (let at = 0; at < typedLength(array); at++) append(list, at, array[at]);
  return list;
};
const ofSet = set => {
  const list = [];
  let at = 0;
  setEach(set, item => append(list, at++, item));
  return list;
};
const ofMap = map => {
  const object = { __proto__: null }, pairs = [];
  let at = 0, isPlain = true;
  mapEach(map, (item, key) => {
    isPlain &&= typeof key === 'string';
    const pair = [];
    append(pair, 0, key);
    append(pair, 1, item);
    append(pairs, at++, pair);
  });
  if (!isPlain) return pairs;
  for (at = 0; at < pairs.length; at++) append(object, pairs[at][0], pairs[at][1]);
  return object;
};
const asJson = value => {
  if (value === undefined) return undefined;
  const text = guarded(() => stringify(value, replaced));
  return typeof text === 'string' ? text
    : stringify(wellFormed(guarded(() => shown(value, 1), guarded(() => tagOf(value), '[object]'))));
};
