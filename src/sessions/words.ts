/** What others wrote, without what would move a reader's cursor or change their terminal; lines and tabs stay. */
export function plain(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]/gu, "�");
}

/** The same in one line of at most `most` characters. */
export function brief(text: string, most = 100): string {
  const flat = plain(text).replace(/\s+/g, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1).toWellFormed()}…` : flat;
}

/** A time as it is stored, to the second; it is in UTC. */
export function when(at: string): string {
  return at.slice(0, 19).replace("T", " ");
}

/** As in 12,345. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 turn`, `2 turns` */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  return value < 1024 ** 2 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1024 ** 2).toFixed(1)} MiB`;
}

const units = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** How long ago, in the largest unit that fits. */
export function ago(at: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 1000));
  const [unit, size] = units.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}
