import { parseArgs, styleText } from "node:util";
import { type ModelChoice, openPlayground, type Playground } from "./playground.ts";
import { sampleScript } from "./sample-script.ts";

const USAGE = `Usage: npm start -- [--port N] [--json]

  --port N  port of the page and the API (default 3000; 0 takes any free one)
  --json    print one JSON line on stdout when everything is ready`;

async function main(): Promise<void> {
  const options = { port: { type: "string", default: "3000" }, json: { type: "boolean", default: false } } as const;
  const { port, json } = parseArgs({ options }).values;
  const ending = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => ending.resolve());

  const model = chooseModel(process.env);
  const log = (line: string) => void ((json || !isChatter(line)) && process.stderr.write(`${line}\n`));
  const playground = await openPlayground({ port: Number(port), model, log });
  try {
    process.stdout.write(json ? `${JSON.stringify(addresses(playground))}\n` : welcome(playground, model));
    await Promise.race([ending.promise, ...(playground.app ? [playground.app.failed] : [])]);
  } finally {
    await playground.close();
  }
}

/** What the app logs of its everyday work; a person at a terminal wants to read of trouble only. */
function isChatter(line: string): boolean {
  return /^\{"level":[123]0,/.test(line);
}

/** With OPENAI_API_KEY the provider that the environment names, as a repository's owner would set it up; else the script. */
function chooseModel({ OPENAI_API_KEY, OPENAI_BASE_URL, OFFSHOOT_MODEL }: NodeJS.ProcessEnv): ModelChoice {
  if (!OPENAI_API_KEY) return { kind: "scripted", script: sampleScript, delayMs: 300 };
  const variables = { ...(OPENAI_BASE_URL && { OPENAI_BASE_URL }), ...(OFFSHOOT_MODEL && { OFFSHOOT_MODEL }) };
  return { kind: "provider", secrets: { OPENAI_API_KEY }, variables };
}

/** Where a client finds everything: the one line that --json prints. */
function addresses({ github, issue }: Playground) {
  const { url, owner, repo } = github.world;
  const git = `${url}/${owner}/${repo}.git`;
  return { web: url, api: `${url}/api/v3`, git, owner, repo, issue, tokens: github.tokens };
}

function welcome(playground: Playground, model: ModelChoice): string {
  const { web, owner, repo, issue, git } = addresses(playground);
  const style = (format: "red" | "bold", text: string) => styleText(format, text, { stream: process.stdout });
  const scripted = "  The model is a script, not an AI. Set OPENAI_API_KEY (and OFFSHOOT_MODEL) for a real one.\n";
  return `
  Offshoot playground: a GitHub on this machine

  Open      ${style("bold", `${web}/${owner}/${repo}/issues/${issue}`)}
  Comment   /agent make the failing test pass
  Clone     git clone ${git}
  Push      as maintainer, with the password ${playground.github.tokens.maintainer}

${model.kind === "scripted" ? style("red", scripted) : ""}${style("red", "  Commands of the agent run unsandboxed, as you, on this machine.")}

  Ctrl-C ends everything, and nothing of it is kept.

`;
}

/** What a person needs to read: for a mistake on the command line the usage, for a bug the stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  if (code === "EADDRINUSE") return `That port is taken by another program: ${error.message}.\n\n${USAGE}`;
  if (code === "ERR_SOCKET_BAD_PORT") return `--port takes a number from 0 to 65535.\n\n${USAGE}`;
  return code.startsWith("ERR_PARSE_ARGS") ? `${error.message}\n\n${USAGE}` : String(error.stack);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
