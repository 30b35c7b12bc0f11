import { enter, type Groups, leave } from "./concurrency.ts";

interface Waiter {
  readonly name: string;
  readonly group: string;
  readonly cancelInProgress: boolean;
  /** Aborted when it is no longer wanted, also by `cancel`. */
  readonly signal: AbortSignal;
  /** Called when another one takes its place. */
  readonly cancel: () => void;
}

/** Concurrency groups at work: who enters waits for its turn. Names of groups do not tell upper from lower case. */
export interface Lanes {
  /** Resolves to false when it was cancelled before its turn came; then there is nothing to leave. */
  enter(waiter: Waiter): Promise<boolean>;
  leave(group: string, name: string): void;
}

export function openLanes(): Lanes {
  let groups: Groups = new Map();
  const members = new Map<string, { readonly cancel: () => void; readonly start: () => void }>();

  const exit = (group: string, name: string) => {
    const left = leave(groups, group.toLowerCase(), name);
    groups = left.groups;
    members.delete(name);
    if (left.starts !== null) members.get(left.starts)?.start();
  };
  return {
    leave: exit,
    enter: (waiter) => {
      const { name, signal, cancel } = waiter;
      if (signal.aborted) return Promise.resolve(false);
      const entered = enter(groups, { ...waiter, group: waiter.group.toLowerCase() });
      groups = entered.groups;
      const turn = Promise.withResolvers<boolean>();
      members.set(name, { cancel, start: () => turn.resolve(true) });
      if (entered.starts) turn.resolve(true);
      else signal.addEventListener("abort", () => turn.resolve(false), { once: true });
      for (const other of entered.cancels) members.get(other)?.cancel();
      return turn.promise.then((started) => {
        if (!started) exit(waiter.group, name);
        return started;
      });
    },
  };
}

export type Places = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** Lets so many pieces of work go on at once; the others wait in line. */
export function openPlaces(count: number): Places {
  let free = count;
  const line: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => line.push(resolve));
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next) next();
      else free++;
    }
  };
}
