// What the adapter asks, by number; `adapter` says when.

const rejected = new Dictionary();
const setInputs = (text, code) => {
  source = code;
  const inputs = parse(text), names = ownKeys(inputs);
  for (let at = 0; at < names.length; at++)
    append(world, names[at], inputs[names[at]]);
};
const leftOver = () => {
  if (thrown !== undefined) {
    fail(thrown.error);
    return true;
  }
  let isFirst = true;
  mapEach(rejected, reason => {
    if (isFirst) fail(reason);
    isFirst = false;
  });
  return !isFirst;
};
return (what, one, two, three) => {
  switch (what) {
    case 0: return setInputs(one, two);
    case 1: return one.value;
    case 2: return asJson(one);
    case 3: return fail(one);
    case 4: return told[0];
    case 5: return told[1];
    case 6: return told[2];
    case 7: return nextTimer();
    case 8: return void (three ? mapDelete(rejected, one) : mapSet(rejected, one, two));
    case 9: return new Kind(`cannot import ${stringify(cut(one, 200))}: ${NO_MODULES}`);
    case 10: return leftOver();
    case 11: return tell('Error', 'the program waits for a promise that nothing will settle', '');
    case 12: return end(one);
  }
};
