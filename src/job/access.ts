import { RunTokenError, revokeToken, runToken, tokenSource } from "../github/run-token.ts";
import type { SessionId } from "../sessions/ids.ts";
import { openToken, sealToken } from "./handover.ts";
import type { Job } from "./job.ts";

/** Who `GITHUB_TOKEN` acts as. */
export const actionsBot = { login: "github-actions[bot]", id: 41898282 };

/** What this run acts with, and as whom. */
export interface Access {
  readonly token: () => Promise<string>;
  readonly actor: { readonly login: string; readonly id: number };
  /** Every token so far. */
  readonly held: () => readonly string[];
  /** Ends a token that was made for this run. */
  readonly end: () => Promise<void>;
}

export interface Brokered {
  readonly broker: string;
  readonly session: SessionId;
  readonly nonce: string;
  /** Told each new token before it is used. */
  readonly onToken: (token: string) => void;
  /** Given the last token, sealed, for the action's post part; empty once there is none to end. */
  readonly handOver: (sealed: string) => void;
  readonly log: (message: string) => void;
}

/** The job's own token; CI does not start on what it pushes. */
export function ownAccess(token: string): Access {
  return { token: async () => token, actor: actionsBot, held: () => [token], end: async () => undefined };
}

/** Installation tokens of the App, from its broker: each is replaced before its hour is over. */
export async function brokeredAccess(job: Job, options: Brokered): Promise<Access> {
  const { onToken, handOver, log, ...asked } = options;
  const source = tokenSource({ obtain: () => runToken({ ...asked, ...job.identity }), now: () => new Date() });
  const held: string[] = [];
  const take = async () => {
    const granted = await source();
    if (granted.token !== held.at(-1)) {
      onToken(granted.token);
      handOver(sealToken(granted.token, job.identity.requestToken));
      held.push(granted.token);
    }
    return granted;
  };
  const { actor } = await take();
  const end = async () => {
    try {
      for (const token of held) await revokeToken({ api: job.api, token });
      handOver("");
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  };
  return { token: async () => (await take()).token, actor, held: () => held, end };
}

/** The post part: ends what the main part has handed over. Gives what is to be said of it; nothing where there is nothing. */
export async function endHandedOver(job: Job, sealed: string): Promise<string | null> {
  if (sealed === "") return null;
  const token = openToken(sealed, job.identity.requestToken);
  if (token === null) return "The run's token cannot be read here; it ends by itself within the hour.";
  try {
    await revokeToken({ api: job.api, token });
    return "The run's token is revoked.";
  } catch (error) {
    if (error instanceof RunTokenError) return error.message;
    return `GitHub could not be reached to revoke the run's token (${String(error)}). It ends by itself within the hour.`;
  }
}
