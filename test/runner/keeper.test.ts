import { expect, test } from "vitest";
import { openKeeper } from "../../src/runner/keeper.ts";
import type { Keeping } from "../../src/runner/keeping.ts";
import { fact } from "../../src/sessions/decide.ts";
import type { Event, Fact } from "../../src/sessions/journal.ts";
import { number } from "../../src/sessions/journal.ts";
import { type MasterKey, newJournalKey, parseJournalKey } from "../../src/sessions/secrets/journal-keys.ts";
import { hand, newSession } from "../sessions/events.ts";

function masterKey(): MasterKey {
  const parsed = parseJournalKey(newJournalKey());
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.key;
}

const at = { turn: 1, step: 1 };
const env = { set: { COLOUR: "green" }, unset: [] };
const facts: readonly Fact[] = [
  fact(hand(), "message.added", {
    ...at,
    message: {
      role: "assistant",
      model: "openai:m",
      parts: [
        { type: "reasoning", summary: "because", native: { id: "rs_1", encrypted: "opaque" } },
        { type: "text", text: "said" },
      ],
    },
  }),
  fact(hand(), "message.added", { ...at, message: { role: "tool", call: "c", name: "exec", output: "printed" } }),
  fact(hand(), "command.ran", {
    ...{ ...at, shell: "main", command: "ls", exit_code: 0, ms: 1, cwd: ".", env },
    ...{ stdout_bytes: 1, stderr_bytes: 0 },
  }),
];
const session = newSession();
const keeper = (keeping: Omit<Keeping, "notice">, keys?: Parameters<typeof openKeeper>[0]["keys"]) =>
  openKeeper({ session, keys, keeping: { ...keeping, notice: null }, secrets: () => [] });

/** What one keeper wrote, as another one reads it. */
function through(writer: ReturnType<typeof keeper>, reader: ReturnType<typeof keeper>): readonly Event[] {
  return number(facts.map(writer.close), 0).map(reader.open);
}

test("what is sealed is read back whole with the key, on another machine", () => {
  const key = masterKey();
  const writer = keeper({ visibility: "sealed", key });
  const ring = writer.newRing;
  if (!ring) throw new Error("There is no ring.");
  const written = JSON.stringify(facts.map(writer.close));
  for (const hidden of ["because", "opaque", "printed", "green"]) expect(written).not.toContain(hidden);
  expect(written).toContain("said");
  const reader = keeper({ visibility: "sealed", key }, { since: 1, ring });
  expect(reader.newRing).toBeNull();
  expect(through(writer, reader)).toEqual(number(facts, 0));
});

test.each([["no key", null] as const, ["another key", masterKey()] as const])(
  "with %s the next turn has what stands in the clear, and nothing that could be taken for the rest",
  (_, key) => {
    const writer = keeper({ visibility: "sealed", key: masterKey() });
    const ring = writer.newRing;
    if (!ring) throw new Error("There is no ring.");
    const reader = keeper({ visibility: "sealed", key }, { since: 1, ring });
    expect(reader.visibility).toBe("summary");
    expect(reader.lack).toContain(`fingerprint ${ring.master}`);
    const [reply, output, command] = through(writer, reader);
    expect(reply).toMatchObject({ message: { parts: [{ type: "text", text: "said" }] } });
    expect(output).toMatchObject({ message: { output: "[sealed: there is no key for it here]" } });
    expect(command).not.toHaveProperty("env");
    expect(command).toMatchObject({ command: "ls", cwd: "." });
  },
);

test("in summary what is not for everyone is left out when it is written", () => {
  const written = facts.map(keeper({ visibility: "summary", key: null }).close);
  const text = JSON.stringify(written);
  for (const hidden of ["because", "opaque", "printed", "green"]) expect(text).not.toContain(hidden);
  expect(text).toContain("[output not kept]");
});

test("a text that looks sealed and is not survives being kept in the clear", () => {
  const forged = "offshoot-sealed:1:000000000000:AAAA";
  const said = fact(hand(), "message.added", {
    ...at,
    message: { role: "tool", call: "c", name: "exec", output: forged },
  });
  const { close, open } = keeper({ visibility: "full", key: null });
  expect(number([close(said)], 0).map(open)).toEqual(number([said], 0));
});
