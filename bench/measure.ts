import { performance } from "node:perf_hooks";

/** Gets everything ready, and gives what is to be measured. */
export type Deed = () => Promise<() => Promise<unknown>>;

/** A deed for which nothing has to be got ready. */
export const plain = (act: () => Promise<unknown>): Deed => {
  return async () => act;
};

/** Does all of them in turn, each round from another one on, and gives medians in milliseconds; the first round is not counted. */
export async function interleave<Name extends string>(
  rounds: number,
  deeds: Readonly<Record<Name, Deed>>,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(deeds) as Name[];
  const took = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const turned = [...names.slice(round % names.length), ...names.slice(0, round % names.length)];
    for (const name of turned) {
      const act = await deeds[name]();
      const began = performance.now();
      await act();
      if (round > 0) took.get(name)?.push(performance.now() - began);
    }
  }
  return Object.fromEntries([...took].map(([name, times]) => [name, median(times)])) as Record<Name, number>;
}

export function median(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  const [low = 0, high = low] = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return (low + high) / 2;
}

export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly floor: number;
  /** What the floor is. */
  readonly against: string;
}

/** Prints a table in Markdown. */
export function printTable(title: string, rows: readonly Row[]): void {
  const ms = (time: number) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
  const lines = rows.map(
    ({ what, ours, floor, against }) =>
      `| ${what} | ${ms(ours)} | ${ms(floor)} | ${(ours / floor).toFixed(2)} | ${against} |`,
  );
  const head = ["| What | Offshoot | Floor | Ratio | The floor is |", "|---|--:|--:|--:|---|"];
  console.log([`\n### ${title}\n`, ...head, ...lines].join("\n"));
}
