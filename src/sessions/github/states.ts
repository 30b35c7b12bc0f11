import * as v from "valibot";
import { type CommitId, commitIdSchema, type SessionId } from "../ids.ts";
import { parseState, type Session } from "../session.ts";
import { refOf } from "../store.ts";
import { fileSchema, type GithubPlace, GithubRepository, textFields } from "./api.ts";

/** How many states one query asks for. */
const atOnce = 50;

const stateSchema = v.nullable(v.object({ oid: commitIdSchema, state: fileSchema }));
const stateFields = `oid state: file(path: "state.toml") { ${textFields} }`;

/**
 * The states of many sessions, as they are kept beside the last append of each, 50 in a query. Left out are those that
 * are not there any more, and those of another version: whoever writes to one next makes its state anew.
 */
export async function readStates(
  place: GithubPlace,
  sessions: readonly SessionId[],
): Promise<readonly { readonly commit: CommitId; readonly session: Session }[]> {
  const repository = new GithubRepository(place);
  const found: { commit: CommitId; session: Session }[] = [];
  for (let from = 0; from < sessions.length; from += atOnce) {
    const refs = sessions.slice(from, from + atOnce).map(refOf.session);
    for (const state of await repository.readEach(stateSchema, refs, stateFields)) {
      const text = state && (await repository.text(state.state));
      const session = text ? parseState(text) : null;
      if (state && session) found.push({ commit: state.oid, session });
    }
  }
  return found;
}
