import { isModel } from "../sessions/model-name.ts";
import { ago, brief } from "../sessions/words.ts";
import { stateAt } from "./chosen.ts";
import { type Clone, cacheIn } from "./clone.ts";
import type { Listed } from "./listed.ts";
import { findRetired } from "./retired.ts";
import { type Entry, entryOf, readRoster } from "./roster.ts";
import { noSessions } from "./select.ts";
import { painter, print, printJson, type Terminal } from "./terminal.ts";

export interface ListOptions {
  readonly tree?: boolean;
  readonly recent?: number;
  readonly status?: readonly string[];
  readonly model?: readonly string[];
  readonly branch?: string;
  readonly thread?: number;
  readonly touching?: string;
  readonly json?: boolean;
}

/** `offshoot session list`: the sessions that are here, the one that was used last first. */
export async function list(terminal: Terminal, clone: Clone, options: ListOptions): Promise<void> {
  const here = await readRoster({ ...clone, cache: cacheIn(clone) });
  const all = options.status?.includes("retired") ? [...here, ...(await retiredEntries(clone))] : here;
  const chosen = choose(all, options);
  if (options.json) return printJson(terminal, chosen);
  if (all.length === 0) throw noSessions();
  if (chosen.length === 0) return print(terminal, `None of the ${all.length} sessions here fits.`);
  const line = lineFor(terminal);
  const lines = options.tree ? drawTree(chosen, line) : chosen.map((session) => line(session, ""));
  print(terminal, lines.join("\n"));
}

async function retiredEntries(clone: Clone): Promise<readonly Entry[]> {
  const retired = await findRetired(clone, "");
  const sessions = await Promise.all(retired.map(({ state, commit }) => state ?? stateAt(clone, commit)));
  return sessions.flatMap((session) => (session ? [entryOf(session)] : []));
}

/** Pure: those that fit all the filters, the one that was used last first. */
function choose(entries: readonly Entry[], options: ListOptions): readonly Listed[] {
  const { recent, status, model, branch, thread, touching } = options;
  const fitting = entries.filter(({ listed, touched }) => {
    if (status && !status.includes(listed.status) && !status.includes(listed.phase)) return false;
    if (model && !model.some((name) => isModel(listed.model, name))) return false;
    if (branch !== undefined && listed.branch !== branch) return false;
    if (thread !== undefined && listed.thread !== thread) return false;
    return touching === undefined || touched.some((path) => isWithin(path, touching));
  });
  const sessions = fitting.map(({ listed }) => listed);
  const byUse = sessions.sort((a, b) => (a.last_accessed < b.last_accessed ? 1 : -1));
  return recent === undefined ? byUse : byUse.slice(0, recent);
}

function isWithin(path: string, folder: string): boolean {
  const name = folder.replace(/^\.\//, "").replace(/\/+$/, "");
  return path === name || path.startsWith(`${name}/`);
}

type Line = (session: Listed, indent: string) => string;

/** Children under the session that opened them; one whose parent is not in the list stands at the top. */
function drawTree(sessions: readonly Listed[], line: Line): string[] {
  const ids = new Set(sessions.map(({ id }) => id));
  const under = (parent: Listed["parent"]) => sessions.filter((session) => session.parent === parent);
  const draw = (session: Listed, own: string, below: string): string[] => {
    const children = under(session.id);
    return [
      line(session, own),
      ...children.flatMap((child, index) => {
        const isLast = index === children.length - 1;
        return draw(child, `${below}${isLast ? "└─ " : "├─ "}`, `${below}${isLast ? "   " : "│  "}`);
      }),
    ];
  };
  const tops = sessions.filter(({ parent }) => parent === null || !ids.has(parent));
  return tops.flatMap((top) => draw(top, "", ""));
}

function lineFor(terminal: Terminal): Line {
  const paint = painter(terminal.stdout);
  const { columns = Number.POSITIVE_INFINITY } = terminal.stdout;
  return ({ id, status, phase, model, branch, last_accessed, description }, indent) => {
    const state = status === "active" ? phase : status;
    const facts = `${state.padEnd(9)}  ${ago(last_accessed, terminal.now()).padStart(8)}  ${brief(model ?? "-").padEnd(16)}`;
    const room = Math.max(20, columns - indent.length - id.length - facts.length - 4);
    const about = brief(`${branch}  ${description}`, room);
    return `${paint("dim", indent)}${paint("bold", id)}  ${facts}  ${about}`;
  };
}
