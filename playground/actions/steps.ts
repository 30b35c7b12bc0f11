import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve as resolvePath } from "node:path";
import { emulatedActions } from "./emulated.ts";
import { isRecord, parseAction, parser, resolve, type Scope, text } from "./language.ts";
import { execute, type Machine, print } from "./machine.ts";
import type { Stop } from "./processes.ts";
import { failed, listing, outcome, printGroup, type StepCall, type StepOutcome } from "./step.ts";

export async function performStep(call: StepCall): Promise<StepOutcome> {
  const uses = text(call.body.uses);
  if (uses === "") return runScript(call);
  const [name = ""] = uses.split("@");
  const emulated = emulatedActions.get(name.toLowerCase());
  if (emulated) return emulated(call);
  const folder = actionFolder(call.machine, name);
  if (folder) return nodeAction(call, folder);
  return failed(
    `The playground cannot run \`uses: ${uses}\`: it knows ${[...emulatedActions.keys(), ...Object.keys(call.machine.actions)].join(", ")} and actions in the repository (\`./path\`).`,
  );
}

function actionFolder(machine: Machine, name: string): string | null {
  if (name.startsWith("./")) return join(machine.workspace, name);
  const [owner = "", repo = "", ...rest] = name.split("/");
  const root = machine.actions[`${owner}/${repo}`];
  return root === undefined ? null : join(root, ...rest);
}

const shells: Readonly<Record<string, readonly string[]>> = {
  "": ["bash", "-e"],
  bash: ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
  sh: ["sh", "-e"],
};

async function runScript(call: StepCall): Promise<StepOutcome> {
  const { machine, body } = call;
  const shell = text(body.shell);
  const [command, ...args] = shells[shell] ?? [];
  if (!command) return failed(`The playground cannot run \`shell: ${shell}\`: use bash or sh.`);
  const script = text(body.run);
  const cwd = resolvePath(machine.workspace, text(body["working-directory"]));
  if (!existsSync(cwd)) return failed(`The working directory does not exist: ${cwd}`);
  const file = join(machine.temp, `${randomUUID()}.sh`);
  await writeFile(file, `${script}\n`);
  printGroup(machine, `Run ${script.trim().split("\n")[0]}`, script.trimEnd());
  return outcome(call.stop, await execute(machine, { ...call, command, args: [...args, file], cwd }));
}

async function nodeAction(call: StepCall, folder: string): Promise<StepOutcome> {
  const { machine, body } = call;
  const manifest = await readManifest(folder, call.scope);
  if (!manifest.ok) return failed(manifest.problem);
  for (const name of Object.keys(call.inputs).filter((name) => !Object.hasOwn(manifest.defaults, name))) {
    const valid = Object.keys(manifest.defaults).join(", ");
    print(machine, `##[warning]Unexpected input '${name}'; ${text(body.uses)} has: ${valid}`);
  }
  const inputs = { ...manifest.defaults, ...call.inputs };
  const env = { ...call.env, ...inputVariables(inputs), GITHUB_ACTION_PATH: folder };
  printGroup(machine, `Run ${text(body.uses)}`, listing("with", call.inputs));

  const start = (script: string, stop: Stop, state: Readonly<Record<string, string>>) => {
    const command = { command: process.execPath, args: [join(folder, script)], cwd: machine.workspace };
    return execute(machine, { ...command, env: { ...env, ...prefixed("STATE_", state) }, stop });
  };
  const main = await start(manifest.main, call.stop, {});
  const { post } = manifest;
  const perform = async (stop: Stop) => outcome(stop, await start(post, stop, main.state));
  return { ...outcome(call.stop, main), ...(post && { post: { condition: manifest.postCondition, perform } }) };
}

type Manifest =
  | {
      readonly ok: true;
      readonly defaults: Readonly<Record<string, string>>;
      readonly main: string;
      /** Empty when there is none. */
      readonly post: string;
      readonly postCondition: string;
    }
  | { readonly ok: false; readonly problem: string };

async function readManifest(folder: string, scope: Scope): Promise<Manifest> {
  const path = [join(folder, "action.yml"), join(folder, "action.yaml")].find((file) => existsSync(file));
  if (!path)
    return { ok: false, problem: `There is no action.yml in ${folder}. Is a checkout missing before this step?` };
  const file = { name: path, content: await readFile(path, "utf8") };
  const { context, value } = parseAction(file, new parser.NoOperationTraceWriter());
  const [error] = context.errors.getErrors();
  if (error || !value) return { ok: false, problem: error?.message ?? `${path} is empty.` };

  const manifest = resolve(value, scope);
  const runs = isRecord(manifest) && isRecord(manifest.runs) ? manifest.runs : {};
  const inputs = isRecord(manifest) && isRecord(manifest.inputs) ? manifest.inputs : {};
  const main = text(runs.main);
  if (!/^node\d+$/.test(text(runs.using)))
    return {
      ok: false,
      problem: `${path}: the playground runs node actions only, not \`using: ${text(runs.using)}\`.`,
    };
  if (!existsSync(join(folder, main)))
    return {
      ok: false,
      problem: `${path} names ${main} as its main, which does not exist. Does the action need building?`,
    };
  const defaults = Object.entries(inputs).map(([name, input]) => [name, text(isRecord(input) ? input.default : null)]);
  const postCondition = text(runs["post-if"]) || "always()";
  return { ok: true, defaults: Object.fromEntries(defaults), main, post: text(runs.post), postCondition };
}

function inputVariables(inputs: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(inputs);
  return Object.fromEntries(
    entries.map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]),
  );
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}
