import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { decodeChain } from "../../src/sessions/chain.ts";
import { replay } from "../../src/sessions/fold.ts";
import { type CommitId, parseSessionId, type SessionId } from "../../src/sessions/ids.ts";
import { encode, type Stored } from "../../src/sessions/journal.ts";
import {
  type Append,
  type RefUpdate,
  refOf,
  type SessionStore,
  StoreError,
  sessionsRef,
} from "../../src/sessions/store.ts";
import type { StoreWorld } from "./session-store.ts";

/** A third store, written against the port alone: refs, appends and threads in one SQLite file. */
function sqliteStore(db: DatabaseSync): SessionStore {
  const at = (ref: string) => {
    const row = db.prepare("SELECT target FROM refs WHERE name = ?").get(ref);
    return row ? (row.target as CommitId) : null;
  };

  async function journal(session: SessionId, last = -1): Promise<readonly Stored[]> {
    const newest = "SELECT id, events FROM appends WHERE session = ? ORDER BY place DESC LIMIT ?";
    const rows = db.prepare(newest).all(session, last).reverse();
    const links = rows.map(({ id, events }) => ({ commit: id as CommitId, events: events as string }));
    return decodeChain(links, rows.length === last ? "end" : "whole");
  }

  return {
    journal,
    async tip(session) {
      const commit = at(refOf.session(session));
      const state = replay(await journal(session));
      return commit && state && { commit, session: state };
    },
    async append(append) {
      const commit = insertable(append);
      const own = { ref: refOf.session(append.session), from: append.from, to: commit };
      const threads = append.threads.map(({ number, from, sessions }) => {
        return { ref: refOf.thread(number), from, to: idOf(`${number} ${from} ${sessions}`), sessions };
      });
      const updates: readonly RefUpdate[] = [own, ...threads, ...append.refs];
      db.exec("BEGIN IMMEDIATE");
      const moved = updates.filter(({ ref, from, to }) => ![from, to].includes(at(ref))).map(({ ref }) => ref);
      if (moved.length === 0 && at(own.ref) !== commit) {
        if (append.from === null && append.parent) copy(db, append.session, append.parent);
        insert(db, append.session, { commit, events: encode(append.events) });
        for (const { ref, to } of updates) point(db, ref, to);
        for (const { to, sessions } of threads) {
          db.prepare("INSERT INTO threads VALUES (?, ?)").run(to, sessions.join(" "));
        }
      }
      db.exec("COMMIT");
      return moved.length === 0 ? { ok: true, tip: { commit, session: append.state } } : { ok: false, moved };
    },
    async thread(number) {
      const commit = at(refOf.thread(number));
      const row = commit && db.prepare("SELECT sessions FROM threads WHERE id = ?").get(commit);
      return commit && row ? { commit, sessions: (row.sessions as string).split(" ") as SessionId[] } : null;
    },
    async find(prefix) {
      const rows = db.prepare("SELECT name FROM refs ORDER BY name").all();
      const ids = rows.map(({ name }) => (name as string).slice(sessionsRef.length));
      return ids.filter((id) => id.startsWith(prefix.toUpperCase())).flatMap((id) => parseSessionId(id) ?? []);
    },
  };
}

function insertable({ parent, events, refs }: Append): CommitId {
  if (refs.some(({ to }) => to !== null && to.length !== 40)) throw new StoreError("invalid", "not an object id");
  return idOf(`${parent}\n${encode(events)}`);
}

function insert(db: DatabaseSync, session: SessionId, append: { commit: CommitId; events: string }): void {
  const place = "(SELECT count(*) FROM appends WHERE session = :session)";
  const values = { ":session": session, ":id": append.commit, ":events": append.events };
  db.prepare(`INSERT INTO appends VALUES (:session, ${place}, :id, :events)`).run(values);
}

/** The appends up to `last`, of whichever session has it, for one that goes on from there. */
function copy(db: DatabaseSync, session: SessionId, last: CommitId): void {
  const end = "(SELECT session, place FROM appends WHERE id = :last LIMIT 1) AS end";
  const rows = `SELECT :session, a.place, a.id, a.events FROM appends AS a, ${end}`;
  const values = { ":session": session, ":last": last };
  db.prepare(`INSERT INTO appends ${rows} WHERE a.session = end.session AND a.place <= end.place`).run(values);
}

function point(db: DatabaseSync, ref: string, to: CommitId | null): void {
  if (to === null) db.prepare("DELETE FROM refs WHERE name = ?").run(ref);
  else db.prepare("INSERT OR REPLACE INTO refs VALUES (?, ?)").run(ref, to);
}

function idOf(text: string): CommitId {
  return createHash("sha1").update(text).digest("hex") as CommitId;
}

/** A file that several connections write to. */
export async function sqliteWorld(): Promise<StoreWorld> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-sqlite-"));
  const connections: DatabaseSync[] = [];
  onTestFinished(async () => {
    for (const connection of connections) connection.close();
    await rm(dir, { recursive: true, force: true });
  });
  const connect = () => {
    const db = new DatabaseSync(join(dir, "sessions.db"));
    connections.push(db);
    return db;
  };
  const own = connect();
  own.exec(
    "CREATE TABLE refs (name TEXT PRIMARY KEY, target TEXT); CREATE TABLE threads (id TEXT, sessions TEXT);" +
      "CREATE TABLE appends (session TEXT, place INTEGER, id TEXT, events TEXT)",
  );
  return {
    client: async () => sqliteStore(connect()),
    commit: idOf("work"),
    async damage(session, events) {
      const commit = idOf(events);
      insert(own, session, { commit, events });
      point(own, refOf.session(session), commit);
      return commit;
    },
  };
}
