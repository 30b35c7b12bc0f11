import * as v from "valibot";
import type { Event } from "../sessions/journal.ts";
import { tokensSchema } from "../sessions/message.ts";
import { brief, count, duration, plural } from "../sessions/words.ts";
import { readSession } from "./chosen.ts";
import { type Clone, cacheIn } from "./clone.ts";
import { Failure } from "./failure.ts";
import { patiently } from "./patience.ts";
import { readRoster } from "./roster.ts";
import { noSessions } from "./select.ts";
import { painter, print, printJson, type Terminal } from "./terminal.ts";

/** The smallest value that at least so many of the values do not exceed (nearest rank); null without values. */
const spreadSchema = v.strictObject({ p50: v.nullable(v.number()), p95: v.nullable(v.number()) });

const figuresSchema = v.strictObject({
  /** That have ended. */
  turns: v.number(),
  tokens: tokensSchema,
  duration_ms: spreadSchema,
  peak_rss_mb: spreadSchema,
});

/** What `session stats --json` prints. */
export const statsSchema = v.strictObject({
  sessions: v.number(),
  ...figuresSchema.entries,
  models: v.array(v.strictObject({ model: v.string(), ...figuresSchema.entries })),
});

type Figures = v.InferOutput<typeof figuresSchema>;
type Stats = v.InferOutput<typeof statsSchema>;
type Spread = Figures["duration_ms"];

export interface StatsOptions {
  readonly session?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** `offshoot session stats`: what turns took, of one session or of all that are here. */
export async function stats(terminal: Terminal, clone: Clone, options: StatsOptions): Promise<void> {
  if (options.all && options.session !== undefined) {
    throw new Failure("usage", "--all and --session exclude each other.", "Give one of them.");
  }
  const journals = options.all
    ? await allJournals(terminal, clone)
    : [(await readSession(clone, options.session)).events];
  const stats = statsOf(journals);
  if (options.json) return printJson(terminal, stats);
  const paint = painter(terminal.stdout);
  const { sessions, models, ...all } = stats;
  const part = (title: string, figures: Figures) => [paint("bold", title), ...linesOf(figures)];
  const perModel =
    models.length > 1 ? models.flatMap(({ model, ...figures }) => ["", ...part(brief(model), figures)]) : [];
  const title = `${plural(sessions, "session")}${models.length === 1 ? `, ${brief(models[0]?.model ?? "")}` : ""}`;
  print(terminal, [...part(title, all), ...perModel].join("\n"));
}

async function allJournals(terminal: Terminal, clone: Clone): Promise<readonly (readonly Event[])[]> {
  const ids = (await readRoster({ ...clone, cache: cacheIn(clone) })).map(({ listed }) => listed.id);
  if (ids.length === 0) throw noSessions();
  return patiently(terminal, "reading journals", async (tell) => {
    const journals: (readonly Event[])[] = [];
    for (const id of ids) {
      tell(`${journals.length} of ${ids.length}`);
      journals.push((await readSession(clone, id)).events);
    }
    return journals;
  });
}

function linesOf({ turns, tokens, duration_ms, peak_rss_mb }: Figures): readonly string[] {
  const { input, cached, output, reasoning } = tokens;
  const spread = ({ p50, p95 }: Spread, unit: (value: number) => string) =>
    p50 === null || p95 === null ? "-" : `${unit(p50)} (P50), ${unit(p95)} (P95)`;
  return [
    `  turns     ${count(turns)}`,
    `  tokens    ${count(input)} in (${count(cached)} cached), ${count(output)} out (${count(reasoning)} reasoning)`,
    `  duration  ${spread(duration_ms, duration)}`,
    `  memory    ${spread(peak_rss_mb, (value) => `${count(value)} MB`)}`,
  ];
}

/** Pure: what the turns of some journals took. A turn that forks have in common counts once. */
function statsOf(journals: readonly (readonly Event[])[]): Stats {
  const events = [...new Map(journals.flat().map((event) => [event.id, event])).values()];
  const samples = samplesOf(events);
  const byModel = Map.groupBy(samples, ({ model }) => model);
  const models = [...byModel].map(([model, some]) => ({ model, ...figuresOf(some) }));
  return { sessions: journals.length, ...figuresOf(samples), models };
}

/** What one event adds to the figures of a model. */
interface Sample {
  readonly model: string;
  readonly tokens?: Figures["tokens"];
  readonly turn?: { readonly duration_ms: number; readonly peak_rss_mb: number };
}

function samplesOf(events: readonly Event[]): readonly Sample[] {
  const samples: Sample[] = [];
  let model = "unknown";
  for (const event of events) {
    if (event.type === "turn.started") model = event.model;
    else if (event.type === "message.added" && event.tokens) samples.push({ model, tokens: event.tokens });
    else if (event.type === "context.compacted") samples.push({ model: event.model, tokens: event.tokens });
    else if (event.type === "turn.ended") samples.push({ model, turn: event });
  }
  return samples;
}

function figuresOf(samples: readonly Sample[]): Figures {
  const turns = samples.flatMap(({ turn }) => turn ?? []);
  const tokens = { input: 0, cached: 0, output: 0, reasoning: 0 };
  for (const { tokens: more } of samples) {
    for (const kind of ["input", "cached", "output", "reasoning"] as const) tokens[kind] += more?.[kind] ?? 0;
  }
  return {
    turns: turns.length,
    tokens,
    duration_ms: spreadOf(turns.map(({ duration_ms }) => duration_ms)),
    peak_rss_mb: spreadOf(turns.map(({ peak_rss_mb }) => peak_rss_mb)),
  };
}

function spreadOf(values: readonly number[]): Spread {
  return { p50: percentile(values, 50), p95: percentile(values, 95) };
}

function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil((share / 100) * sorted.length) - 1] ?? null;
}
