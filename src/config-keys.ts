import type * as v from "valibot";
import { configSchema } from "./config-schema.ts";

export type Path = readonly string[];

/** What is wrong with the setting at `path`. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
}

/** A part of the schema, as far as it says which keys there are. */
type Shape = v.GenericSchema & {
  readonly wrapped?: Shape;
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly value?: Shape;
};

/** The table that a part of the schema describes: by keys of its own, or by any. */
function tableOf(shape: Shape): Pick<Shape, "entries" | "value"> | null {
  if (shape.type === "optional" && shape.wrapped) return tableOf(shape.wrapped);
  return shape.type === "strict_object" || shape.type === "record" ? shape : null;
}

const whole = configSchema as Shape;

/** Every setting that there is, such as `limits.steps`, `providers.<name>.key`. */
export function settingNames(shape: Shape = whole, path: Path = []): string[] {
  const table = tableOf(shape);
  if (!table) return [path.join(".")];
  const { entries = { "<name>": table.value as Shape } } = table;
  return Object.entries(entries).flatMap(([key, inner]) => settingNames(inner, [...path, key]));
}

/** Keys that are no setting, and lists or dates where a table has to be: what the schema alone does not tell well. */
export function misplaced(value: unknown, shape: Shape = whole, path: Path = []): Finding[] {
  const table = tableOf(shape);
  if (!table || typeof value !== "object" || value === null) return [];
  if (!isTable(value)) return [{ path, message: `${path.join(".")} must be a table; it is ${JSON.stringify(value)}.` }];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, key];
    const known = table.entries ? Object.keys(table.entries) : null;
    if (known && !known.includes(key)) return [{ path: at, message: unknown(at, known) }];
    return misplaced(inner, table.entries?.[key] ?? (table.value as Shape), at);
  });
}

export function isTable(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object Object]";
}

function unknown(path: Path, known: readonly string[]): string {
  const key = path.at(-1) ?? "";
  const nearest = known.reduce((best, next) => (distance(key, next) < distance(key, best) ? next : best));
  return `${path.join(".")} is not a setting. Did you mean "${nearest}"?`;
}

/** Levenshtein's edit distance. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
