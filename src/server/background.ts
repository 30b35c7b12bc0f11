/** Work that goes on after what asked for it was answered. */
export interface Background {
  /** How much of it is under way. */
  readonly busy: number;
  /** Takes work on; what goes wrong in it is told to `failed`. */
  run(work: () => Promise<unknown>): void;
  /** Does the work now and then again, each time so long after the last has ended; no more once it is stopped. */
  every(ms: number, work: () => Promise<unknown>): void;
  /** Begins nothing that repeats any more, and resolves when all that was begun has ended. */
  stop(): Promise<void>;
}

export function openBackground(failed: (error: unknown) => void): Background {
  const open = new Set<Promise<unknown>>();
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;

  const run: Background["run"] = (work) => {
    const task: Promise<unknown> = work()
      .catch(failed)
      .finally(() => open.delete(task));
    open.add(task);
  };
  const every: Background["every"] = (ms, work) => {
    run(async () => {
      await work().catch(failed);
      if (stopped) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        every(ms, work);
      }, ms);
      timers.add(timer);
    });
  };
  return {
    get busy() {
      return open.size;
    },
    run,
    every,
    async stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      while (open.size > 0) await Promise.all(open);
    },
  };
}
