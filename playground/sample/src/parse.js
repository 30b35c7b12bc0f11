import { UNITS } from "./units.js";

const PART = /(\d+(?:\.\d+)?)\s*(d|h|m|s|ms)/g;

/**
 * Milliseconds in a text such as "1h 30m" or "1.5s".
 * Throws a RangeError when there is no duration in it.
 */
export function parse(text) {
  const parts = [...text.toLowerCase().matchAll(PART)];
  if (parts.length === 0) throw new RangeError(`not a duration: ${JSON.stringify(text)}`);
  return parts.reduce((total, [, amount, unit]) => total + Number(amount) * UNITS[unit], 0);
}
