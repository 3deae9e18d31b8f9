// Timers, and waiting for them.

const timers = new Dictionary();
let lastTimer = 0;
// The time is read once a turn, so that timers of one turn keep the order of their delays.
let turn;
const start = (action, delay, values, interval) => {
  if (typeof action !== 'function') throw new Kind('a timer needs a function');
  const milliseconds = min(max(Numeric(delay) || 0, 0), 2 ** 31);
  const number = ++lastTimer;
  mapSet(timers, number, {
    __proto__: null, number, action, values, due: (turn ??= monotonic()) + milliseconds,
    interval: interval ? max(milliseconds, 1) : -1,
  });
  return number;
};
hidden(world, 'setTimeout', named('setTimeout', (action, delay, ...values) =>
  start(action, delay, values, false)));
hidden(world, 'setInterval', named('setInterval', (action, delay, ...values) =>
  start(action, delay, values, true)));
const stop = number => { mapDelete(timers, number); };
hidden(world, 'clearTimeout', named('clearTimeout', stop));
hidden(world, 'clearInterval', named('clearInterval', stop));
hidden(world, 'setImmediate', named('setImmediate', (action, ...values) =>
  start(action, 0, values, false)));
// What was thrown where nobody could catch it ends the program, as it does elsewhere.
let thrown;
const end = error => {
  timersClear(timers);
  thrown ??= { __proto__: null, error };
};
const nextTimer = () => {
  let first;
  mapEach(timers, timer => {
    if (first === undefined || timer.due < first.due) first = timer;
  });
  if (first === undefined) return false;
  turn = monotonic();
  if (first.due > turn) {
    wait(first.due - turn);
    turn = first.due;
  }
  if (first.interval < 0) mapDelete(timers, first.number);
  else first.due = turn + first.interval;
  try {
    apply(first.action, undefined, first.values);
  } catch (error) {
    end(error);
  }
  return true;
};
const timersClear = method(Map, 'clear');
