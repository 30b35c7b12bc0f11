import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { archivedJournal, archivedTip } from "../../../src/sessions/archive/archive.ts";
import { deleteSession } from "../../../src/sessions/archive/clean.ts";
import { gitStore } from "../../../src/sessions/git/git-store.ts";
import { encode } from "../../../src/sessions/journal.ts";
import { formatState } from "../../../src/sessions/session.ts";
import { given } from "../events.ts";
import { cleaner, personsClone, remoteWithSessions } from "./archive-world.ts";

const page = await readFile(join(import.meta.dirname, "..", "..", "..", "docs", "journal-format.md"), "utf8");
const [, section = ""] = page.split("## Retired sessions\n");
const commands = (/^```sh\n(.*?)^```$/ms.exec(section)?.[1] ?? "").split("\n").filter(Boolean);
const everything = given(/^git fetch .*refs\/notes.*$/m.exec(page)?.[0]);

test("docs/journal-format.md: its commands read a retired session with nothing but git", async () => {
  const { remote, clone, sessions } = await remoteWithSessions(2);
  const { id } = given(sessions[0]);
  await deleteSession(cleaner(clone), id);
  const tip = given(await archivedTip(clone, id));
  const journal = await archivedJournal(clone, id);
  const git = await personsClone(remote.bare.dir);
  await git(everything);
  const told: string[] = [];
  for (const command of commands) told.push(await git(`RETIRED=${id}; ${command}`));
  const [list, entry, timeline, events] = told;
  expect(told).toHaveLength(4);
  expect(list).toBe(`${id}.toml\n`);
  expect(entry).toBe(`tip = "${tip.commit}"\n${formatState(tip.session)}`);
  expect(given(timeline).replace(/^[0-9a-f]{7,} /gm, "")).toBe(
    [
      "ada: ada opened the session: prompt 0",
      "offshoot[bot]: turn 1 done: It is done.",
      "ada: ada deleted the session",
      "",
    ].join("\n"),
  );
  expect(events).toBe(encode(journal.flatMap((append) => append.events)));
  expect(await gitStore(await remote.clone()).find("")).toEqual([sessions[1]?.id]);
});

test("docs/journal-format.md: the list of retired sessions is brought without their journals, and then one of them", async () => {
  const { remote, clone, sessions } = await remoteWithSessions(1);
  const { id, tip } = given(sessions[0]);
  await deleteSession(cleaner(clone), id);
  const [, list = "", one = ""] = /`(git fetch --depth=1 [^`]*)`[^`]*`(git fetch origin <tip>)`/.exec(section) ?? [];
  const git = await personsClone(`file://${remote.bare.dir}`);
  await git(list);
  const entry = await git(`git show FETCH_HEAD:${id}.toml`);
  const commit = given(/^tip = "(.*)"/.exec(entry)?.[1]);
  await expect(git(`git cat-file -e ${commit}`)).rejects.toThrow();
  await git(one.replace("<tip>", commit));
  expect(await git(`git rev-list ${commit}`)).toContain(tip.commit);
});
