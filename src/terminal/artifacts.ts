import * as v from "valibot";
import type { Event, EventOf } from "../sessions/journal.ts";
import { brief, bytes, plain } from "../sessions/words.ts";
import { readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { readOutputs } from "./outputs.ts";
import { note, painter, print, printJson, type Terminal } from "./terminal.ts";

/** Something that a session left beside its commits, as `session artifacts --json` prints it. */
export const artifactSchema = v.strictObject({
  kind: v.picklist(["output", "transcript", "run", "pull_request", "answer"]),
  name: v.string(),
  /** Null where it is not kept in git. */
  bytes: v.nullable(v.number()),
  /** Where it is on the web. */
  url: v.nullable(v.string()),
  /** Prints it, in this clone. */
  command: v.nullable(v.string()),
});

type Artifact = v.InferOutput<typeof artifactSchema>;

export interface ArtifactsOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session artifacts`: what a session left beside its commits, and where to get it. */
export async function artifacts(terminal: Terminal, clone: Clone, options: ArtifactsOptions): Promise<void> {
  const { id, commit, events } = await readSession(clone, options.session);
  const outputs = (await readOutputs(clone.repository, commit)).map(
    (output): Artifact => ({
      kind: "output",
      name: output.name,
      bytes: output.bytes,
      url: null,
      command: `git show ${output.commit}:output/${output.name}`,
    }),
  );
  const transcript: Artifact = {
    ...{ kind: "transcript", name: "transcript.md", bytes: null, url: null },
    command: `offshoot session transcript -s ${id}`,
  };
  const all = [...outputs, transcript, ...runsOf(events), ...effectsOf(events)];
  if (options.json) return printJson(terminal, all);
  const paint = painter(terminal.stdout);
  const line = ({ kind, name, bytes: size, url, command }: Artifact) => {
    const about = `${kind.padEnd(12)}  ${brief(name)}${size === null ? "" : `  ${bytes(size)}`}`;
    return `${about}\n${paint("dim", `              ${plain(url ?? command ?? "")}`)}`;
  };
  print(terminal, all.map(line).join("\n"));
  if (outputs.length === 0) note(terminal, "No output was so long that it was put aside.");
}

/** The workflow runs that worked on the session; their artifacts and logs are there. */
function runsOf(events: readonly Event[]): readonly Artifact[] {
  const runs = events.flatMap((event) => (event.type === "lease.taken" && event.run ? [event.run] : []));
  const urls = new Map(runs.map(({ id, url }) => [url, `run ${id}`]));
  return [...urls].map(([url, name]) => ({ kind: "run", name, bytes: null, url, command: null }));
}

function effectsOf(events: readonly Event[]): readonly Artifact[] {
  const planned = new Map(events.flatMap((event) => (event.type === "effect.planned" ? [[event.id, event]] : [])));
  return events.flatMap((event) => {
    const plan = event.type === "effect.done" ? planned.get(event.effect) : undefined;
    if (event.type !== "effect.done" || !plan || plan.kind === "status") return [];
    return [{ kind: plan.kind, name: effectName(plan, event), bytes: null, url: event.url, command: null }];
  });
}

function effectName(plan: EventOf<"effect.planned">, { number }: EventOf<"effect.done">): string {
  return plan.kind === "answer" ? `answer to turn ${plan.key}` : `pull request ${number}`;
}
