import { requestStop } from "../sessions/decide.ts";
import { StoreError } from "../sessions/store.ts";
import { backOff, transact } from "../sessions/transact.ts";
import { brief } from "../sessions/words.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { askForIt } from "./holder.ts";
import { openHome } from "./home.ts";
import { isVoid } from "./is-void.ts";
import { selectSession } from "./select.ts";
import { print, type Terminal } from "./terminal.ts";

/** `offshoot session stop`: the open turn ends at its next step, and what it has done so far is kept. */
export async function stop(terminal: Terminal, clone: Clone, options: { readonly session: string }): Promise<void> {
  const session = await selectSession(clone, options.session);
  await using home = await openHome(terminal, clone, session);
  const { store, changed } = home;
  const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
    const decision = requestStop(clone.hand, now);
    return { change: decision.kind === "asked" ? decision.change : null, result: decision.kind };
  });
  if (!done.ok) throw new StoreError("refused", `${done.moved.join(", ")} moved and came back`);
  await changed(done.tip.session);
  const { lease } = done.tip.session;
  const isHeld = lease && !(await isVoid(terminal, clone, lease));
  if (done.result === "idle") {
    throw new Failure(
      "refused",
      `Session ${session} has no open turn, so there is nothing to stop.`,
      isHeld && lease.run
        ? `It is held all the same. ${askForIt}`
        : `What it is doing: offshoot session show -s ${session}`,
    );
  }
  if (!isHeld) {
    print(terminal, `Nobody works on session ${session} any more; its open turn ends when it is run next.`);
  } else {
    print(terminal, `Asked ${brief(lease.run?.url ?? lease.holder)} to stop session ${session}.`);
    print(terminal, `To see it happen: offshoot session logs -s ${session} --follow`);
  }
}
