import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { seizeLease } from "../../src/sessions/decide.ts";
import { newJournalKey, openRing, parseJournalKey } from "../../src/sessions/secrets/journal-keys.ts";
import { compose } from "../../src/sessions/store.ts";
import { given, hand, tipOf } from "../sessions/events.ts";
import { openClone } from "./clone-world.ts";

test("rekey: where it ends at a session that somebody holds, the new key of those before was shown", async () => {
  const world = await openClone({ model: script(say("Seen."), say("Seen.")) });
  await writeFile(join(world.dir, ".github/offshoot.toml"), '[journal]\nvisibility = "sealed"\n');
  await world.git("commit", "--quiet", "--all", "-m", "How it is written down");
  const env = { OFFSHOOT_JOURNAL_KEY: newJournalKey() };
  for (const prompt of ["look", "look again"]) await world.start({ args: ["run", "--new", prompt], env }).ended;
  const [first, second] = await world.store.find("");
  const tip = given(await world.store.tip(given(second)));
  const taken = seizeLease(hand(), tip.session, { holder: "elsewhere:1", forMs: 1e12, isVoid: () => false });
  if (taken.kind !== "taken") throw new Error(`The session is ${taken.kind}.`);
  tipOf(await world.store.append(compose(given(second), tip, taken.change)));

  const { code, out } = await world.start({ args: ["session", "rekey"], env }).ended;
  expect(code).toBe(6);
  const shown = parseJournalKey(out);
  if (!shown.ok) throw new Error(shown.problem);
  const { keys } = given(await world.store.tip(given(first))).session;
  expect(openRing(given(keys).ring, shown.key).ok).toBe(true);
});
