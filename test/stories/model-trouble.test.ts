import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ model: script(say("Here I am.")) });
afterAll(world.close);

const { secrets, variables } = world.world;
const url = variables.get("OPENAI_BASE_URL") ?? "";

/** The answer to a comment, without what stands around it. */
async function answerTo(comment: string): Promise<string> {
  await world.comment(comment);
  await world.runsDone();
  const [, answer = ""] =
    /.*(?:<!-- offshoot:answer [^\n]*\n[^\n]*\n\n)([\s\S]*?)\n\n<sub>/s.exec(world.thread()) ?? [];
  return answer;
}

test("without a key the answer says which secret is missing and where to set it", async () => {
  const key = secrets.get("OPENAI_API_KEY") ?? "";
  secrets.delete("OPENAI_API_KEY");
  expect(await answerTo("/agent look around")).toMatchInlineSnapshot(`
    "**This did not work.** There is no key for openai:scripted: the secret OPENAI_API_KEY is missing or empty.

    What to do: Set the secret OPENAI_API_KEY under the repository's Settings → Secrets and variables → Actions (at a terminal: in the environment). A server that needs no key still wants the secret set, to any value."
  `);
  secrets.set("OPENAI_API_KEY", key);
});

test("a model's name that is none", async () => {
  variables.set("OFFSHOOT_MODEL", "gpt-something");
  expect(await answerTo("/agent look around")).toMatchInlineSnapshot(`
    "**This did not work.** The variable \`OFFSHOOT_MODEL\` is \`gpt-something\`, which does not name a model.

    What to do: Write it as provider:model or provider:model@effort, e.g. \`openai:gpt-5.5@high\`, then ask again."
  `);
  variables.set("OFFSHOOT_MODEL", "openai:scripted");
});

test("a provider that is down", async () => {
  const nobody = await serve(() => undefined);
  nobody.close();
  variables.set("OPENAI_BASE_URL", nobody.url);
  expect(await answerTo("/agent look around")).toContain("the connection was refused");
});

test("a provider that knows only Chat Completions works", async () => {
  const asked: string[] = [];
  const chat = await serve(async (request, response) => {
    asked.push(request.url ?? "");
    if (request.url !== "/v1/chat/completions") return void response.writeHead(404).end();
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}/chat/completions`, { method: "POST", headers, body: await text(request) });
    const type = answer.headers.get("content-type") ?? "";
    response.writeHead(answer.status, { "content-type": type }).end(await answer.text());
  });
  onTestFinished(chat.close);
  variables.set("OPENAI_BASE_URL", chat.url);
  expect(await answerTo("/agent look around")).toContain("Here I am.");
  expect(asked).toEqual(["/v1/responses", "/v1/chat/completions"]);
});

/** A server on loopback, as `OPENAI_BASE_URL` names it. */
async function serve(listener: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A server on loopback has no port.");
  return { url: `http://127.0.0.1:${address.port}/v1`, close: () => void server.close() };
}
