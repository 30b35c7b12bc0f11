/** What is killed: each in a program of its own. */
export const operations = ["append", "flush", "deliver", "compact", "clean"] as const;
export type Operation = (typeof operations)[number];

/** What is written, and by which the moments of a death are counted. */
export type Write = "commit" | "push" | "post";

/** Where a process dies everywhere: around commits in its own repository, and around pushes. */
const aroundGit = [
  "after a commit",
  "before a push",
  "in a push that is lost",
  "in a push, before it is applied",
  "in a push, while it is applied",
  "in a push, after it was applied",
  "after a push",
] as const;
/** Where git dies alone, and whoever ran it hears of it. */
const inGit = ["git's death in a push, before it is applied", "git's death in a push, after it was applied"] as const;
/** Where something is written outside git. */
const aroundPosts = ["after a post"] as const;

export type Moment = (typeof aroundGit)[number] | (typeof inGit)[number] | (typeof aroundPosts)[number];

export function isSurvived({ moment }: Pick<Death, "moment">): boolean {
  return inGit.some((one) => one === moment);
}

function momentsOf(operation: Operation): readonly Moment[] {
  return [...aroundGit, ...inGit, ...(operation === "deliver" ? aroundPosts : [])];
}

/** A named point: the nth time (from 1) that a process is there, it dies. */
export interface Death {
  readonly operation: Operation;
  readonly moment: Moment;
  readonly nth: number;
}

export const nameOf = ({ operation, moment }: Pick<Death, "operation" | "moment">) => `${operation}: ${moment}`;

export const allPoints = operations.flatMap((operation) =>
  momentsOf(operation).map((moment) => nameOf({ operation, moment })),
);

export function writeOf(moment: Moment): Write {
  if (moment.endsWith("commit")) return "commit";
  return moment.endsWith("post") ? "post" : "push";
}

/** How often a process wrote what, by operation. */
export type Writes = Readonly<Partial<Record<Operation, Readonly<Partial<Record<Write, number>>>>>>;

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** For each life a moment of each operation's: all of them as often as it goes, in any order. */
export function dealDeaths(
  lives: number,
  random: () => number,
): readonly Readonly<Record<Operation, Omit<Death, "nth">>>[] {
  const decks = operations.map((operation) => {
    const moments = momentsOf(operation);
    const rounds = Array.from({ length: Math.ceil(lives / moments.length) }, () => shuffled(moments, random)).flat();
    return shuffled(rounds.slice(0, lives), random).map((moment) => ({ operation, moment }));
  });
  return Array.from({ length: lives }, (_, life) => {
    const hand = decks.flatMap((deck) => deck[life] ?? []);
    return Object.fromEntries(hand.map((death) => [death.operation, death])) as Record<Operation, Omit<Death, "nth">>;
  });
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
