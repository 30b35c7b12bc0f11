import type { Answer } from "./api.ts";

/** What one account may ask of the API. */
export interface Limits {
  readonly requestsPerHour: number;
  /** A read is one point, a write five. */
  readonly pointsPerMinute: number;
  /** Comments, issues and pull requests. */
  readonly contentsPerMinute: number;
  readonly contentsPerHour: number;
  readonly atOnce: number;
}

/** As GitHub publishes them for an App's installation. */
export const installationLimits: Limits = {
  ...{ requestsPerHour: 5000, pointsPerMinute: 900, contentsPerMinute: 80, contentsPerHour: 500, atOnce: 100 },
};

interface Asked {
  readonly account: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

interface Past {
  readonly at: number;
  readonly points: number;
  readonly isContent: boolean;
}

const minute = 60_000;
const hour = 60 * minute;

/** Counts requests by account, and refuses those that are too many. */
export class Gate {
  /** By account; whoever has none may do anything. */
  readonly limits = new Map<string, Limits>();
  /** How many requests were refused so far. */
  refused = 0;
  readonly #past = new Map<string, Past[]>();
  readonly #open = new Map<string, number>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Lets a request pass and answers it, or refuses it. */
  async pass(asked: Asked, answer: () => Promise<Answer>): Promise<Answer> {
    const limits = this.limits.get(asked.account);
    const refusal = limits && this.#refusal(asked, limits);
    if (refusal) {
      this.refused += 1;
      return refusal;
    }
    const open = this.#open.get(asked.account) ?? 0;
    this.#open.set(asked.account, open + 1);
    try {
      return await answer();
    } finally {
      this.#open.set(asked.account, (this.#open.get(asked.account) ?? 1) - 1);
    }
  }

  #refusal({ account, method, path, body }: Asked, limits: Limits): Answer | null {
    const at = this.#now().getTime();
    const past = (this.#past.get(account) ?? []).filter((one) => one.at > at - hour);
    const isQuery = method === "GET" || (path === "/graphql" && !body.includes('"mutation'));
    const isContent = !isQuery && (/\/(comments|issues|pulls)$/.test(path) || body.includes("addComment("));
    const now = { at, points: isQuery ? 1 : 5, isContent };
    this.#past.set(account, [...past, now]);
    const lately = past.filter((one) => one.at > at - minute);
    const contents = (all: readonly Past[]) => all.filter((one) => one.isContent).length;
    if (past.length >= limits.requestsPerHour) return primary(past, at, limits);
    if ((this.#open.get(account) ?? 0) >= limits.atOnce) return secondary(1);
    if (lately.reduce((sum, { points }) => sum + points, now.points) > limits.pointsPerMinute)
      return wait(lately, at, minute);
    if (isContent && contents(lately) >= limits.contentsPerMinute) return wait(lately, at, minute);
    if (isContent && contents(past) >= limits.contentsPerHour) return wait(past, at, hour);
    return null;
  }
}

function primary(past: readonly Past[], at: number, { requestsPerHour }: Limits): Answer {
  const reset = Math.ceil(((past[0]?.at ?? at) + hour) / 1000);
  const headers = {
    "x-ratelimit-limit": String(requestsPerHour),
    ...{ "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
  };
  return { status: 403, headers, json: { message: "API rate limit exceeded for installation." } };
}

const wait = ([first]: readonly Past[], at: number, window: number): Answer =>
  secondary(Math.max(1, Math.ceil(((first?.at ?? at) + window - at) / 1000)));

function secondary(seconds: number): Answer {
  const message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
  const documentation_url = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
  return { status: 403, headers: { "retry-after": String(seconds) }, json: { message, documentation_url } };
}
