import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { emulatedActions } from "./emulated.ts";
import { fields, parseAction, parser, resolve, type Scope, text } from "./language.ts";
import { execute, failed, type Machine, type Outcome, print } from "./machine.ts";
import type { Stop } from "./processes.ts";

type Strings = Readonly<Record<string, string>>;

/** A step with everything in it evaluated. */
export interface StepCall {
  readonly machine: Machine;
  readonly scope: Scope;
  /** What the step uses; empty for a step with a script. */
  readonly uses: string;
  readonly script: string;
  readonly inputs: Strings;
  readonly env: Strings;
  readonly stop: Stop;
}

export interface StepOutcome extends Outcome {
  /** What an action wants done after the job's steps, whatever becomes of them. */
  readonly post?: (stop: Stop) => Promise<Outcome>;
}

export async function performStep(call: StepCall): Promise<StepOutcome> {
  const { machine, uses, script, inputs } = call;
  const given = Object.entries(inputs).map(([name, value]) => `${name}: ${value}`);
  const [title, ...more] = uses ? [uses, ...given] : script.trimEnd().split("\n");
  print(machine, [`##[group]Run ${title}`, ...more, "##[endgroup]"].join("\n"));
  if (uses === "") return runScript(call);

  const [name = ""] = uses.split("@");
  const emulated = emulatedActions[name];
  const unknown = Object.keys(inputs).find((input) => emulated && !emulated.inputs.includes(input));
  if (unknown) return failed(`The input \`${unknown}\` of ${name} is not supported by the playground.`);
  if (emulated) return emulated.perform(call);
  const folder = machine.actions[name];
  if (folder) return nodeAction(call, folder);
  const known = [...Object.keys(emulatedActions), ...Object.keys(machine.actions)].join(", ");
  return failed(`\`uses: ${uses}\` is not supported by the playground, which has ${known}.`);
}

async function runScript({ machine, script, env, stop }: StepCall): Promise<StepOutcome> {
  const file = join(machine.temp, `${randomUUID()}.sh`);
  await writeFile(file, `${script}\n`);
  return execute(machine, { command: "bash", args: ["-e", file], env, stop });
}

async function nodeAction(call: StepCall, folder: string): Promise<StepOutcome> {
  const { machine, scope } = call;
  const manifest = await readManifest(folder, scope);
  const inputs = Object.entries({ ...manifest.defaults, ...call.inputs });
  const variables = inputs.map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]);
  const env = { ...call.env, ...Object.fromEntries(variables), GITHUB_ACTION_PATH: folder };
  const start = (script: string, stop: Stop, state: Strings) => {
    const states = Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]));
    const command = { command: process.execPath, args: [join(folder, script)] };
    return execute(machine, { ...command, env: { ...env, ...states }, stop });
  };
  const main = await start(manifest.main, call.stop, {});
  const { post } = manifest;
  return { ...main, ...(post && { post: (stop: Stop) => start(post, stop, main.state) }) };
}

/** Throws where there is no node action that could be run. `post` is empty when there is none. */
async function readManifest(folder: string, scope: Scope): Promise<{ defaults: Strings; main: string; post: string }> {
  const name = join(folder, "action.yml");
  const file = { name, content: await readFile(name, "utf8") };
  const { context, value } = parseAction(file, new parser.NoOperationTraceWriter());
  const [error] = context.errors.getErrors();
  if (error) throw new Error(error.message);

  const manifest = fields(resolve(value, scope));
  const { using, main, post } = fields(manifest.runs);
  if (!/^node\d+$/.test(text(using)))
    throw new Error(`${name}: \`using: ${text(using)}\` is not supported by the playground, which runs node actions.`);
  const inputs = Object.entries(fields(manifest.inputs));
  const defaults = Object.fromEntries(inputs.map(([input, about]) => [input, text(fields(about).default)]));
  return { defaults, main: text(main), post: text(post) };
}
