import { afterAll, beforeEach, expect, test } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import { person } from "../../playground/github/create-world.ts";
import { post } from "./api.ts";
import { openWorld } from "./world.ts";

const world = await openWorld();
afterAll(world.close);

const { github, app, issue } = world.playground;

beforeEach(() => world.world.comments.clear());

/** What came of a comment: the reactions to it, and what was said after it. */
async function whatCameOf(comment: Promise<number>) {
  const id = await comment;
  await world.runsDone();
  const { comments, runs } = world.world;
  return {
    reactions: comments.get(id)?.reactions.map(({ user, content }) => `${user.login}: ${content}`),
    replies: [...comments.values()].filter((other) => other.id > id).map(({ body }) => body),
    runs: runs.size,
  };
}

const nothing = { reactions: [], replies: [], runs: 0 };

test("someone without write access starts nothing, and is told so quietly", async () => {
  const outsiders = world.comment("/agent make the failing test pass", { as: "outsider" });
  expect(await whatCameOf(outsiders)).toEqual({ ...nothing, reactions: ["offshoot[bot]: confused"] });
});

test("a bot's comment starts nothing", async () => {
  const token = mintToken(world.world, person(world.world, "github-actions[bot]"));
  const made = post(github, `/issues/${issue}/comments`, {
    token,
    body: { body: "/agent make the failing test pass" },
  });
  expect(await whatCameOf(made.then(({ json }) => Number(json.id)))).toEqual(nothing);
});

test.each([
  ["quoted", "> /agent make the failing test pass\n\nWho was that?"],
  ["in a code block", "Comment this:\n\n```\n/agent make the failing test pass\n```"],
  ["in the middle of a line", "I tried /agent make the failing test pass"],
  ["a longer word", "/agents are everywhere"],
])("a command that is %s starts nothing", async (_, text) => {
  expect(await whatCameOf(world.comment(text))).toEqual(nothing);
});

test("/agent alone is answered with its usage", async () => {
  const came = await whatCameOf(world.comment("/agent"));
  expect(came.runs).toBe(0);
  expect(came.replies.join()).toMatchInlineSnapshot(`
    "**Offshoot** works on an issue or pull request when someone with write access comments:

    \`\`\`
    /agent make the failing test pass
    \`\`\`

    \`/agent\` has to stand at the start of a line; everything after it, to the end of the comment, is the prompt.
    The first prompt opens a session with a branch of its own, later ones continue it.

    \`/agent continue\` goes on with what was interrupted. \`--budget $5\` or \`--budget 500k\` (tokens) behind it allows that much more, whatever budget was reached; before a prompt, as in \`/agent --budget $5 <what to do>\`, it is the budget of that prompt alone.

    \`/agent resume <id>\` makes another session the one that this thread goes on with; the beginning of its id is enough. \`/agent help\` shows this."
  `);
});

test("a webhook with a wrong signature is refused with 401 and does nothing", async () => {
  await world.comment("Please /agent?");
  const [delivery] = [...world.world.deliveries.values()].slice(-1);
  const forged = JSON.stringify(delivery?.payload).replace("Please /agent?", "/agent make it mine");
  const response = await fetch(app?.webhookUrl ?? "", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": "issue_comment",
      "x-github-delivery": "forged",
      "x-hub-signature-256": `sha256=${"0".repeat(64)}`,
    },
    body: forged,
  });
  expect(response.status).toBe(401);
  await world.runsDone();
  expect(world.world.runs.size).toBe(0);
});

test("without the workflow on the default branch the comment that answers names it", async () => {
  const { git } = await world.clone();
  await git("rm", "--quiet", ".github/workflows/offshoot.yml");
  await git("commit", "--quiet", "--message=Without agents");
  await git("push", "--quiet", "origin", "main");
  const came = await whatCameOf(world.comment("/agent make the failing test pass"));
  expect(came.reactions).toEqual(["offshoot[bot]: eyes"]);
  expect(came.replies.at(-1)).toMatchInlineSnapshot(`
    "Your prompt is queued, but no run could be started. There is no workflow \`.github/workflows/offshoot.yml\` on the default branch, or Offshoot may not see it.

    What to do: Add the workflow to the default branch and give the App the permission “Actions: write”. Then comment \`/agent go on\`: what is queued runs first, in order."
  `);
});
