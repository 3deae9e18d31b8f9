/* Converts a quantity to another unit: `units --value=5 --from=km/h --to=m/s`.
 *
 * A unit is a product of powers, such as kg*m/s^2, and each part is measured in the base units
 * of SI. So anything can be converted to whatever has the same dimensions, and nothing else.
 *
 * Output: {"value", "unit", "text"}
 */

/* Exponents of metre, kilogram, second, kelvin and bit. An angle has none. */
const DIMENSIONS: i32 = 5;
const MOST: i32 = 100;

class Unit {
  constructor(
    public factor: f64,
    public powers: i32[],
    public offset: f64 = 0,
    public hasPrefixes: bool = false,
  ) {}
}

const units = new Map<string, Unit>();

/* `names` are separated by spaces; the first is a symbol, and has prefixes where it may. */
function define(names: string, factor: f64, powers: i32[], hasPrefixes: bool = false): void {
  const all = names.split(" ");
  for (let i = 0; i < all.length; i++)
    units.set(all[i], new Unit(factor, powers, 0, hasPrefixes));
}

function defineAll(): void {
  const length = [1, 0, 0, 0, 0], area = [2, 0, 0, 0, 0], volume = [3, 0, 0, 0, 0];
  const mass = [0, 1, 0, 0, 0], time = [0, 0, 1, 0, 0], speed = [1, 0, -1, 0, 0];
  const heat = [0, 0, 0, 1, 0], data = [0, 0, 0, 0, 1], none = [0, 0, 0, 0, 0];
  const force = [1, 1, -2, 0, 0], pressure = [-1, 1, -2, 0, 0];
  const energy = [2, 1, -2, 0, 0], power = [2, 1, -3, 0, 0], frequency = [0, 0, -1, 0, 0];

  define("m metre metres meter meters", 1, length, true);
  define("in inch inches", 0.0254, length);
  define("ft foot feet", 0.3048, length);
  define("yd yard yards", 0.9144, length);
  define("mi mile miles", 1609.344, length);
  define("nmi nautical-mile nautical-miles", 1852, length);
  define("au", 149597870700, length);
  define("ly light-year light-years", 9460730472580800, length);
  define("pc parsec parsecs", 3.0856775814913673e16, length);
  define("ha hectare hectares", 10000, area);
  define("acre acres", 4046.8564224, area);
  define("L l litre litres liter liters", 0.001, volume, true);
  define("gal gallon gallons", 0.003785411784, volume);
  define("qt quart quarts", 0.000946352946, volume);
  define("pt pint pints", 0.000473176473, volume);
  define("cup cups", 0.0002365882365, volume);
  define("floz fluid-ounce fluid-ounces", 0.0000295735295625, volume);
  define("tbsp tablespoon tablespoons", 0.00001478676478125, volume);
  define("tsp teaspoon teaspoons", 0.00000492892159375, volume);

  define("g gram grams", 0.001, mass, true);
  define("t tonne tonnes", 1000, mass, true);
  define("lb lbs pound pounds", 0.45359237, mass);
  define("oz ounce ounces", 0.028349523125, mass);
  define("st stone stones", 6.35029318, mass);
  define("ct carat carats", 0.0002, mass);

  define("s sec second seconds", 1, time, true);
  define("min minute minutes", 60, time);
  define("h hr hour hours", 3600, time);
  define("d day days", 86400, time);
  define("wk week weeks", 604800, time);
  define("yr year years", 31557600, time);

  define("kn knot knots", 1852.0 / 3600.0, speed);
  define("mph", 0.44704, speed);
  define("kph", 1.0 / 3.6, speed);
  define("c", 299792458, speed);

  define("K kelvin kelvins", 1, heat, true);
  units.set("°C", new Unit(1, heat, 273.15));
  units.set("C", new Unit(1, heat, 273.15));
  units.set("celsius", new Unit(1, heat, 273.15));
  units.set("°F", new Unit(5.0 / 9.0, heat, 459.67));
  units.set("F", new Unit(5.0 / 9.0, heat, 459.67));
  units.set("fahrenheit", new Unit(5.0 / 9.0, heat, 459.67));

  define("N newton newtons", 1, force, true);
  define("lbf", 4.4482216152605, force);
  define("Pa pascal pascals", 1, pressure, true);
  define("bar bars", 100000, pressure, true);
  define("atm", 101325, pressure);
  define("psi", 6894.757293168361, pressure);
  define("mmHg torr", 133.322387415, pressure);
  define("J joule joules", 1, energy, true);
  define("Wh", 3600, energy, true);
  define("cal calorie calories", 4.184, energy, true);
  define("eV", 1.602176634e-19, energy, true);
  define("BTU Btu", 1055.05585262, energy);
  define("W watt watts", 1, power, true);
  define("hp horsepower", 745.6998715822702, power);
  define("Hz hertz", 1, frequency, true);
  define("rpm", 1.0 / 60.0, frequency);

  define("bit bits", 1, data, true);
  define("B byte bytes", 8, data, true);
  define("rad radian radians", 1, none, true);
  define("deg degree degrees °", Math.PI / 180, none);
  define("turn turns", 2 * Math.PI, none);
  define("% percent", 0.01, none);
  define("1", 1, none);
}

const PREFIXES = "Q R Y Z E P T G M k h da d c m µ u n p f a z y r q Ki Mi Gi Ti Pi Ei";
const POWERS_OF_TEN: i32[] = [
  30, 27, 24, 21, 18, 15, 12, 9, 6, 3, 2, 1, -1, -2, -3, -6, -6, -9, -12, -15, -18, -21, -24, -27, -30,
];

function fail(why: string): void {
  process.stderr.write(why + "\n");
  process.exit(1);
}

function withPrefix(name: string): Unit | null {
  const prefixes = PREFIXES.split(" ");
  for (let i = 0; i < prefixes.length; i++) {
    const rest = name.substring(prefixes[i].length);
    if (!name.startsWith(prefixes[i]) || !units.has(rest)) continue;
    const unit = units.get(rest);
    if (!unit.hasPrefixes) continue;
    const isBinary = i >= POWERS_OF_TEN.length;
    if (isBinary && unit.powers[4] == 0) continue;
    const times = isBinary
      ? Math.pow(1024, i - POWERS_OF_TEN.length + 1)
      : parseFloat("1e" + POWERS_OF_TEN[i].toString());
    return new Unit(unit.factor * times, unit.powers);
  }
  return null;
}

function named(name: string): Unit {
  if (units.has(name)) return units.get(name);
  const found = withPrefix(name);
  if (found != null) return found;
  fail("unknown unit '" + name + "'; units are written like km/h, kg*m/s^2, MiB or °C");
  throw new Error("never reached");
}

/* A part such as m^2, times or through what stands before it. */
function multiply(into: Unit, part: string, isBelow: bool): void {
  const mark = part.indexOf("^");
  const unit = named(mark < 0 ? part : part.substring(0, mark));
  const digits = mark < 0 ? "1" : part.substring(mark + 1);
  const isNegative = digits.startsWith("-");
  if (digits.length != (isNegative ? 2 : 1) || !"123456789".includes(digits.charAt(digits.length - 1)))
    fail("a power is a digit, as in m^2 or s^-1");
  let power = <i32>parseInt(digits);
  if (isBelow) power = -power;
  into.factor *= Math.pow(unit.factor, power);
  for (let i = 0; i < DIMENSIONS; i++) into.powers[i] += unit.powers[i] * power;
}

function parsed(text: string): Unit {
  if (units.has(text)) return units.get(text); // Alone, a temperature has its own zero.
  if (text.length > MOST) fail("a unit is longer than 100 characters");
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) < 0x20) fail("a unit has a control character");
  const whole = new Unit(1, [0, 0, 0, 0, 0]);
  let start = 0;
  let isBelow = false;
  for (let i = 0; i <= text.length; i++) {
    const mark = i < text.length ? text.charAt(i) : "*";
    if (mark != "*" && mark != "/" && mark != "·") continue;
    multiply(whole, text.substring(start, i).trim(), isBelow);
    isBelow = mark == "/";
    start = i + 1;
  }
  return whole;
}

function isSame(a: i32[], b: i32[]): bool {
  for (let i = 0; i < DIMENSIONS; i++) if (a[i] != b[i]) return false;
  return true;
}

/* To 14 digits, which hides what dividing and multiplying adds at the end. */
function rounded(value: f64): f64 {
  if (value == 0) return 0;
  const place = <i32>(13 - Math.floor(Math.log10(Math.abs(value))));
  if (place > 300 || place < -300) return value;
  const scale = Math.pow(10, Math.abs(place));
  return place > 0 ? Math.round(value * scale) / scale : Math.round(value / scale) * scale;
}

function option(name: string): string {
  const arguments = process.argv;
  for (let i = 1; i < arguments.length; i++)
    if (arguments[i].startsWith("--" + name + "=")) return arguments[i].substring(name.length + 3);
  fail("--" + name + " is missing");
  throw new Error("never reached");
}

function shown(value: f64): string {
  const text = value.toString();
  return text.endsWith(".0") ? text.substring(0, text.length - 2) : text;
}

function quoted(text: string): string {
  return '"' + text.replaceAll("\\", "\\\\").replaceAll('"', '\\"') + '"';
}

defineAll();
const value = parseFloat(option("value"));
const fromName = option("from").trim();
const toName = option("to").trim();
const from = parsed(fromName);
const to = parsed(toName);
if (!isFinite(value)) fail("the value is not a finite number");
if (!isSame(from.powers, to.powers)) fail("'" + fromName + "' and '" + toName + "' measure different things");
const result = rounded(((value + from.offset) * from.factor) / to.factor - to.offset);
if (!isFinite(result)) fail("the result is too large for a number");
process.stdout.write(
  '{"value":' + shown(result) + ',"unit":' + quoted(toName) +
  ',"text":' + quoted(shown(value) + " " + fromName + " = " + shown(result) + " " + toName) + "}\n",
);
