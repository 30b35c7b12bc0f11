/**
 * Does the work once nobody else of the concurrency group is at work. Resolves to false when it was not done: `signal`
 * was aborted before its turn came, or a newcomer took its place, for only one waits. Names of groups do not tell upper
 * from lower case.
 */
export type InTurn = (group: string, signal: AbortSignal, work: () => Promise<void>) => Promise<boolean>;

export function openLanes(): InTurn {
  /** By the groups in which someone is at work: who waits. */
  const waiting = new Map<string, PromiseWithResolvers<boolean> | null>();

  const waitTurn = (group: string, signal: AbortSignal): Promise<boolean> => {
    waiting.get(group)?.resolve(false);
    const turn = Promise.withResolvers<boolean>();
    waiting.set(group, turn);
    const giveUp = () => {
      if (waiting.get(group) === turn) waiting.set(group, null);
      turn.resolve(false);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    return turn.promise;
  };
  const leave = (group: string) => {
    const next = waiting.get(group);
    if (next) waiting.set(group, null);
    else waiting.delete(group);
    next?.resolve(true);
  };
  return async (name, signal, work) => {
    const group = name.toLowerCase();
    if (signal.aborted) return false;
    if (!waiting.has(group)) waiting.set(group, null);
    else if (!(await waitTurn(group, signal))) return false;
    try {
      await work();
      return true;
    } finally {
      leave(group);
    }
  };
}
