import type { Octokit } from "@octokit/rest";
import * as v from "valibot";

/** One attempt of GitHub's to deliver an event to the app; the same event keeps its `guid`. */
export interface Attempt {
  readonly id: number;
  readonly guid: string;
  readonly at: Date;
  readonly arrived: boolean;
}

/** GitHub keeps deliveries, and sends them again, for this long. */
const keptMs = 3 * 24 * 3_600_000;
/** An event that never arrives in so many attempts has something wrong with it, and waits for a person. */
const mostAttempts = 5;
/** Between two attempts, so that what was wrong may pass. */
const patienceMs = 60_000;

/** Pure: the attempts to be repeated, one for each event that has not arrived, oldest first. */
export function lost(attempts: readonly Attempt[], now: Date): readonly Attempt[] {
  const byEvent = Map.groupBy(attempts, ({ guid }) => guid);
  return [...byEvent.values()]
    .flatMap((all) => {
      const last = all.reduce((latest, one) => (one.at > latest.at ? one : latest));
      const age = now.getTime() - last.at.getTime();
      const isLost = !all.some(({ arrived }) => arrived) && all.length < mostAttempts;
      return isLost && age >= patienceMs * (all.length - 1) && age < keptMs ? [last] : [];
    })
    .sort((one, other) => one.at.getTime() - other.at.getTime());
}

const pageSchema = v.object({
  data: v.array(v.object({ id: v.number(), guid: v.string(), delivered_at: v.string(), status_code: v.number() })),
  headers: v.object({ link: v.optional(v.string()) }),
});

type Client = Pick<Octokit, "request">;

/**
 * Finds events that GitHub could not deliver and has them sent again; repeated, it reads only what is new. `app` signs in
 * as the App itself.
 */
export function redeliverer({ app, now }: { readonly app: () => Promise<Client>; readonly now: () => Date }) {
  let known: readonly Attempt[] = [];
  /** Gives how many were sent again. */
  return async (): Promise<number> => {
    const client = await app();
    const since = now().getTime() - keptMs;
    const fresh = await attemptsSince(client, { since, known: new Set(known.map(({ id }) => id)) });
    known = [...known, ...fresh].filter(({ at }) => at.getTime() > since);
    const again = lost(known, now());
    for (const { id } of again) {
      await client.request("POST /app/hook/deliveries/{delivery_id}/attempts", { delivery_id: id });
    }
    return again.length;
  };
}

/** The newest come first: from the first page on that has one that is known, or is too old, nothing is new. */
async function attemptsSince(
  client: Client,
  { since, known }: { since: number; known: ReadonlySet<number> },
): Promise<readonly Attempt[]> {
  const found: Attempt[] = [];
  for (let cursor: string | undefined; ; ) {
    const asked = { per_page: 100, ...(cursor ? { cursor } : {}) };
    const { data, headers } = v.parse(pageSchema, await client.request("GET /app/hook/deliveries", asked));
    const page = data.map(({ id, guid, delivered_at, status_code }): Attempt => {
      return { id, guid, at: new Date(delivered_at), arrived: status_code >= 200 && status_code < 300 };
    });
    const fresh = page.filter(({ id, at }) => !known.has(id) && at.getTime() > since);
    found.push(...fresh);
    cursor = /[?&]cursor=([^&>]+)[^,]*rel="next"/.exec(headers.link ?? "")?.[1];
    if (!cursor || fresh.length < page.length) return found;
  }
}
