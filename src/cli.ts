import { monotonicFactory } from "ulid";
import { main } from "./terminal/program.ts";

const stopping = new AbortController();
process.on("SIGINT", () => {
  if (stopping.signal.aborted) process.exit(130);
  process.stderr.write("\nStopping in order; Ctrl-C once more ends at once.\n");
  stopping.abort();
});

// Whoever reads may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

/** What runs on a server is told to stop in another way than by Ctrl-C. */
async function serve() {
  process.on("SIGTERM", () => (stopping.signal.aborted ? process.exit(143) : stopping.abort()));
  const [{ serve }, { default: app }] = await Promise.all([import("./server/serve.ts"), import("./app.ts")]);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  return serve({ cwd: process.cwd(), env: process.env, app, stop: stopping.signal, say });
}

process.exitCode = await main(
  {
    cwd: process.cwd(),
    env: process.env,
    ...{ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
    ...{ now: () => new Date(), newId: monotonicFactory() },
    interrupted: stopping.signal,
    serve,
  },
  process.argv.slice(2),
);
