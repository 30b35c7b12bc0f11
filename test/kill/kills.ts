import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killThrough, liveInPeace, type Usual } from "./life.ts";
import { allPoints, dealDeaths, operations, randomFrom } from "./points.ts";

/** Many processes come one after another, each as fast as the machine lets it. */
const timeout = 1_800_000;

/** Kills so many processes, each at a named point; all points come up. The seed makes it all the same again. */
export function killing(kills: number): void {
  const seed = Number(process.env.OFFSHOOT_KILL_SEED ?? Math.floor(Math.random() * 2 ** 32));
  const lives = kills / operations.length;
  const fates = dealDeaths(lives, randomFrom(seed));
  const pairs = fates.flatMap((first, at) => {
    const second = fates[at + 1];
    return at % 2 === 0 && second ? [{ number: at / 2 + 1, fates: [first, second] as const }] : [];
  });

  describe(`CS25, CS24, AC4: SIGKILL at ${kills} boundaries of writes (OFFSHOOT_KILL_SEED=${seed})`, () => {
    const died: string[] = [];
    const folder = mkdtempSync(join(tmpdir(), "offshoot-killed-"));
    const program = join(folder, "worker.mjs");
    let usual: Usual;

    beforeAll(async () => {
      await using bundler = await rolldown({
        ...{ input: join(import.meta.dirname, "worker.ts"), platform: "node", logLevel: "warn" },
      });
      await bundler.write({ file: program, format: "esm", codeSplitting: false });
      usual = await liveInPeace(program);
    }, timeout);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    describe.concurrent("nothing that was acknowledged is lost, nothing happens twice, and `verify` passes", () => {
      test.each(pairs)("session $number", { timeout }, async ({ number, fates }) => {
        died.push(...(await killThrough({ program, seed: seed + number, fates, usual })));
      });
    });

    test("all named points came up", () => {
      expect(died).toHaveLength(kills);
      expect([...new Set(died)].sort()).toEqual([...allPoints].sort());
      expect(allPoints.length).toBeGreaterThanOrEqual(12);
    });
  });
}
