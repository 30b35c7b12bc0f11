/** The least that asks a model, runs its calls in a bash that stays, and ends: no journal, no git, no configuration. */
import { spawn } from "node:child_process";
import { request } from "node:http";

const bash = spawn("bash", { stdio: ["pipe", "pipe", "inherit"] });
let heard = (_: string): void => undefined;
let output = "";
bash.stdout.setEncoding("utf8").on("data", (chunk: string) => {
  output += chunk;
  const end = output.indexOf("\0");
  if (end < 0) return;
  const all = output.slice(0, end);
  output = output.slice(end + 1);
  heard(all);
});

const run = (command: string) =>
  new Promise<string>((resolve) => {
    heard = resolve;
    bash.stdin.write(`${command}\nprintf '%d\\0' $?\n`);
  });

const ask = (input: readonly unknown[]) =>
  new Promise<string>((resolve, reject) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` };
    const url = `${process.env.OPENAI_BASE_URL}/responses`;
    const asking = request(url, { method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    asking.on("error", reject).end(JSON.stringify({ model: "gpt-5.5", instructions: "Work.", input, stream: true }));
  });

const input: unknown[] = [{ role: "user", content: "make the failing test pass" }];
for (;;) {
  const reply = await ask(input);
  const line = reply.split("\n").find((line) => line.startsWith("data: ")) ?? "";
  const { item } = JSON.parse(line.slice("data: ".length));
  input.push(item);
  if (item.type === "message") break;
  input.push({
    type: "function_call_output",
    call_id: item.call_id,
    output: await run(JSON.parse(item.arguments).command),
  });
}
bash.kill();
