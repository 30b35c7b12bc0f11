import { resume } from "../sessions/decide.ts";
import type { SessionId } from "../sessions/ids.ts";
import type { Tip } from "../sessions/store.ts";
import { backOff, patiently, transact } from "../sessions/transact.ts";
import { ambiguousComment, noSuchSessionComment } from "./comments.ts";
import type { Comment } from "./forge.ts";
import { writeStatus } from "./status.ts";
import { attempt, type Waker } from "./wake.ts";

/** Makes the session whose id begins with `prefix` the active one of the comment's thread, or says why not. */
export async function takeResume(waker: Waker, comment: Comment, prefix: string): Promise<"answered" | "resumed"> {
  const { store, forge } = waker;
  const { conversation } = forge;
  const found = await patiently(() => store.find(prefix));
  const [only] = found;
  if (!only || found.length > 1) {
    const tips = await Promise.all(found.map((id) => store.tip(id)));
    const sessions = tips.flatMap((tip) => (tip ? [tip.session] : []));
    const answer = only ? ambiguousComment(prefix, sessions) : noSuchSessionComment(prefix);
    await waker.afterwards(() => conversation.post(comment.thread, answer));
    return "answered";
  }
  const { session } = await makeActive(waker, only, comment);
  await waker.afterwards(async () => {
    await attempt(waker, conversation.react(comment.id, "eyes"));
    await attempt(waker, writeStatus(forge, session, comment.thread));
  });
  return "resumed";
}

/** Others may change the thread's sessions meanwhile: then it is decided over what they left. */
async function makeActive({ store, clock }: Waker, session: SessionId, { thread, author }: Comment): Promise<Tip> {
  const hand = { ...clock, by: { kind: "user" as const, login: author.login, id: author.id } };
  for (let attempt = 1; ; attempt += 1) {
    const index = await patiently(() => store.thread(thread));
    const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
      return { change: resume(hand, now, { number: thread, index }), result: null };
    });
    if (done.ok) return done.tip;
    await backOff(attempt);
  }
}
