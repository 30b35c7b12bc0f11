import { parseArgs, styleText } from "node:util";
import { type ModelChoice, openPlayground, type Playground } from "./playground.ts";
import { sampleScript } from "./sample-script.ts";

const SCRIPTED_DELAY_MS = 300;

const USAGE = `Usage: npm start -- [--port N] [--json]

  --port N  port of the page and the API (default 3000; 0 takes any free one)
  --json    print one JSON line on stdout when everything is ready`;

interface Flags {
  readonly port: number;
  readonly json: boolean;
}

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  const ending = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => ending.resolve());

  const playground = await openPlayground({
    port: flags.port,
    model: chooseModel(process.env),
    log: (line) => void ((flags.json || !isChatter(line)) && process.stderr.write(`${line}\n`)),
  }).catch((error: unknown) => {
    throw explain(error, flags.port);
  });
  try {
    if (flags.json) process.stdout.write(`${JSON.stringify(addresses(playground))}\n`);
    else process.stdout.write(welcome(playground));
    await Promise.race([ending.promise, playground.app.failed]);
  } finally {
    await playground.close();
  }
}

/** What the app logs of its everyday work; a person at a terminal wants to read of trouble only. */
function isChatter(line: string): boolean {
  return /^\{"level":[123]0,/.test(line);
}

function readFlags(args: readonly string[]): Flags {
  const options = { port: { type: "string", default: "3000" }, json: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    throw new UsageError(`--port takes a number from 0 to 65535, not ${JSON.stringify(values.port)}.`);
  }
  return { port, json: values.json };
}

/** A start that failed for a reason that the person can mend. */
class UsageError extends Error {}

function explain(error: unknown, port: number): unknown {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  return taken
    ? new UsageError(`Port ${port} is taken by another program. Choose one with --port N; --port 0 takes any free one.`)
    : error;
}

/** With OPENAI_API_KEY the provider that the environment names, as a repository's owner would set it up; else the script. */
function chooseModel(env: NodeJS.ProcessEnv): ModelChoice {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, OFFSHOOT_MODEL } = env;
  if (!OPENAI_API_KEY) return { kind: "scripted", script: sampleScript, delayMs: SCRIPTED_DELAY_MS };
  return {
    kind: "provider",
    secrets: { OPENAI_API_KEY },
    variables: { ...(OPENAI_BASE_URL ? { OPENAI_BASE_URL } : {}), ...(OFFSHOOT_MODEL ? { OFFSHOOT_MODEL } : {}) },
  };
}

/** Where a client finds everything: the one line that --json prints. */
function addresses({ github, issue }: Playground) {
  const { url, owner, repo } = github.world;
  const git = `${url}/${owner}/${repo}.git`;
  return { web: url, api: `${url}/api/v3`, git, owner, repo, issue, tokens: github.tokens };
}

function welcome(playground: Playground): string {
  const { web, owner, repo, issue, git } = addresses(playground);
  const red = (text: string) => styleText("red", text, { stream: process.stdout });
  const scripted = "The model is a script, not an AI. Set OPENAI_API_KEY (and OFFSHOOT_MODEL) for a real one.";
  return `
  Offshoot playground: a GitHub on this machine

  Open      ${styleText("bold", `${web}/${owner}/${repo}/issues/${issue}`, { stream: process.stdout })}
  Comment   /agent make the failing test pass
  Clone     git clone ${git}

${playground.model ? red(`  ${scripted}\n`) : ""}${red("  Commands of the agent run unsandboxed, as you, on this machine.")}

  Ctrl-C ends everything.

`;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const known = error instanceof UsageError || (error instanceof TypeError && "code" in error);
  process.stderr.write(known ? `${error.message}\n\n${USAGE}\n` : `${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}
