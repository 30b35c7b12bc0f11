import { expect, test } from "vitest";
import { edit, exec, read, say, script } from "../../playground/scripted-model.ts";
import type { Model, StepReply } from "../../src/runner/model.ts";
import { openRunWorld, scripted } from "./run-world.ts";

test("WS5: prompts, replies, reasoning, reads, writes, diffs, commands and what came along are each recorded", async () => {
  const play = await scripted(script(read("a.txt"), edit("a.txt", "a", "b"), exec("cat a.txt"), say("It is b.")));
  if (!play.model.ok) throw new Error("There is no model.");
  const { ref, open } = play.model;
  const thinking = (): Model => {
    const real = open();
    return {
      ref,
      step: async (request): Promise<StepReply> => {
        const reply = await real.step(request);
        return { ...reply, parts: [{ type: "reasoning", summary: "Look first." }, ...reply.parts] };
      },
    };
  };
  const world = await openRunWorld({ prompt: "make a into b" });
  await world.run({ model: { ok: true, ref, open: thinking } });

  expect(await world.events("prompt.queued")).toMatchObject([{ text: "make a into b" }]);
  const replies = (await world.events("message.added")).map(({ message }) => message);
  expect(replies.filter(({ role }) => role === "assistant")).toHaveLength(4);
  expect(JSON.stringify(replies)).toContain('{"type":"reasoning","summary":"Look first."}');
  expect(await world.events("file.read")).toMatchObject([{ path: "a.txt" }]);
  expect(await world.events("file.changed")).toMatchObject([{ path: "a.txt", change: "edited" }]);
  expect(await world.events("command.ran")).toMatchObject([{ command: "cat a.txt", exit_code: 0, stdout_bytes: 2 }]);
  expect(await world.events("context.referenced")).toMatchObject([{ kind: "thread", ref: `#${world.thread}` }]);
  const [made] = await world.events("checkpoint.made");
  const [ended] = await world.events("turn.ended");
  expect(ended).toMatchObject({ commit: made?.commit, files: ["a.txt"] });
  const diff = await world.bare.raw(["show", "--format=", made?.commit ?? ""]);
  expect(diff).toContain("-a\n+b");
});
