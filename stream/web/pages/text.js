// Every string of the interface comes from one table; here is how it is filled in and how figures are written.

let table = {};
let language = "en";

/** Load the table of strings. */
export async function load() {
  const answer = await fetch("/assets/strings.en.json");
  table = await answer.json();
  language = table.lang;
}

/** Return a string with its values; `n` chooses between the forms for one and for more. */
export function t(key, values = {}) {
  let text = table[key];
  if (text === undefined) return key;
  if (typeof text === "object") {
    text = text[new Intl.PluralRules(language).select(values.n) === "one" ? "one" : "other"];
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(name, values[name]));
}

/** Tell whether there is such a string. */
export const has = (key) => key in table;

function shown(name, value) {
  if (value === undefined || value === null) return "";
  if (["seconds", "from", "to"].includes(name) && typeof value === "number") return length(value);
  if (name === "share") return percent(value);
  if (name === "bytes") return bytes(value);
  if (name === "why" && Array.isArray(value)) return reasons(value);
  if (typeof value === "number") return new Intl.NumberFormat(language).format(value);
  return String(value);
}

/** Return why something cannot be told, as the end of a sentence. */
export const reasons = (names) => names.map((n) => (has(`because.${n}`) ? t(`because.${n}`) : n)).join(t("because.and"));

/** Return a probability; from 1% to 99%, as no score is certain. */
export function percent(value) {
  if (value === null || value === undefined) return "-";
  const kept = Math.min(Math.max(value, 0.01), 0.99);
  return new Intl.NumberFormat(language, { style: "percent" }).format(kept);
}

/** Return how far something is, from 0 to 100%. */
export const share = (value) => new Intl.NumberFormat(language, { style: "percent" }).format(value);

/** Return a length or a moment, given in seconds. */
export function length(seconds) {
  if (seconds < 60) {
    const number = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    return `${number.format(seconds)} s`;
  }
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Return a size. */
export function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = value < 10 && unit ? 1 : 0;
  const style = { style: "unit", unit: units[unit], unitDisplay: "short", maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, style).format(value);
}

/** Return a date and time. */
export function when(stamp) {
  if (!stamp) return "";
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(stamp));
}

/** Return how long ago something was. */
export function ago(stamp) {
  const seconds = (Date.now() - new Date(stamp)) / 1000;
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= size) return unit === "day" && seconds > 7 * size ? when(stamp) : format.format(-Math.floor(seconds / size), unit);
  }
  return format.format(0, "minute").replace(/^.*$/, () => format.format(0, "second"));
}
