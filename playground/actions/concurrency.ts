/** Who holds a concurrency group and who waits for it, by the name that a run or job is known under. */
interface Group {
  readonly running: string;
  readonly pending: string | null;
}

export type Groups = ReadonlyMap<string, Group>;

export interface Entered {
  readonly groups: Groups;
  readonly starts: boolean;
  /** Whom to cancel: the older pending one, and with `cancelInProgress` the running one. */
  readonly cancels: readonly string[];
}

/** One running and one pending: a newcomer takes the place of whoever was pending. */
export function enter(
  groups: Groups,
  newcomer: { readonly name: string; readonly group: string; readonly cancelInProgress: boolean },
): Entered {
  const held = groups.get(newcomer.group);
  if (!held) {
    const taken = new Map(groups).set(newcomer.group, { running: newcomer.name, pending: null });
    return { groups: taken, starts: true, cancels: [] };
  }
  const cancels = [held.pending, newcomer.cancelInProgress ? held.running : null].filter((name) => name !== null);
  const waiting = new Map(groups).set(newcomer.group, { running: held.running, pending: newcomer.name });
  return { groups: waiting, starts: false, cancels };
}

/** Gives up a place, running or pending. `starts` is who may start now. */
export function leave(groups: Groups, group: string, name: string): { groups: Groups; starts: string | null } {
  const held = groups.get(group);
  const rest = new Map(groups);
  if (held?.running === name) {
    if (held.pending === null) rest.delete(group);
    else rest.set(group, { running: held.pending, pending: null });
    return { groups: rest, starts: held.pending };
  }
  if (held?.pending === name) rest.set(group, { running: held.running, pending: null });
  return { groups: rest, starts: null };
}
