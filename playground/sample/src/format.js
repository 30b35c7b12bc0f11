import { UNITS } from "./units.js";

/** The shortest text that `parse` reads back as `milliseconds`: 5400000 is "1h 30m". */
export function format(milliseconds) {
  const parts = [];
  let rest = Math.round(milliseconds);
  for (const [unit, size] of Object.entries(UNITS)) {
    const amount = Math.floor(rest / size);
    if (amount > 0) parts.push(`${amount}${unit}`);
    rest -= amount * size;
  }
  return parts.join(" ") || "0ms";
}
