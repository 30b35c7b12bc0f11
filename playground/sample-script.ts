import {
  type Deed,
  edit,
  exec,
  isFinished,
  type Move,
  nextStep,
  type Offer,
  read,
  type Step,
  say,
} from "./scripted-model.ts";

const LAST_TEST = `test("refuses what is not a duration", () => {`;

/** What the script can do to the sample repository. `asked` is what prompts say that want it. */
const CHANGES = [
  {
    asked: /\b(add|write)\b.*\btests?\b/i,
    path: "test/parse.test.js",
    from: LAST_TEST,
    to: `test("adds milliseconds to seconds", () => {\n  assert.equal(parse("1s 250ms"), 1_250);\n});\n\n${LAST_TEST}`,
    answer:
      "Test milliseconds next to seconds\n\n`test/parse.test.js` now checks that `1s 250ms` is 1,250 milliseconds. " +
      "It is the one test that my script knows, whatever was asked for.",
  },
  {
    asked: /\b(fix|fail|bug|broken|wrong|make)/i,
    path: "src/parse.js",
    from: "(d|h|m|s|ms)",
    to: "(d|h|ms|m|s)",
    answer:
      "Read `ms` as milliseconds\n\nA regular expression takes the first alternative that fits, and in `src/parse.js`, " +
      "`m` stood before `ms`: `250ms` was 250 minutes. I put `ms` first: `(d|h|ms|m|s)`.",
  },
];

type Change = (typeof CHANGES)[number];

/** The model of the playground: works on the sample repository, and says what it is to every other prompt. */
export function sampleScript(deeds: readonly Deed[], { tools }: Offer = { tools: true }): Move {
  if (!tools) return summarize().move;
  const turn = deeds.slice(deeds.findLastIndex((deed) => deed.kind === "answer") + 1);
  const change = changeFor(turn);
  const step = nextStep(change ? makeChange(change, turn) : introduce(turn), turn);
  if (!step) throw new Error("a plan of the sample script ends without an answer");
  return step.move;
}

/** The first prompt of the turn that asks for one decides; what is said during it (a steer) does not change the plan. */
function changeFor(turn: readonly Deed[]): Change | undefined {
  const prompts = turn.flatMap((deed) => (deed.kind === "prompt" ? [promptIn(deed.text)] : []));
  const changes = prompts.map((prompt) => CHANGES.find(({ asked }) => asked.test(prompt)));
  return changes.find((change) => change !== undefined);
}

/** What was asked, without the text and the like that are told beside it. */
function promptIn(text: string): string {
  return /<prompt\b[^>]*>([\s\S]*)<\/prompt>/.exec(text)?.[1] ?? text;
}

function makeChange({ path, from, to, answer }: Change, turn: readonly Deed[]): readonly Step[] {
  if (results(turn, "read")[0]?.includes(to)) {
    return [exec("npm test"), read(path), say(`\`${path}\` has all that I know of this already: I changed nothing.`)];
  }
  const passes = /"exit_code":\s*0\b/.test(results(turn, "exec")[1] ?? "");
  const verdict = passes ? "`npm test` passes." : "`npm test` still fails; the rest is beyond my script.";
  return [exec("npm test"), read(path), edit(path, from, to), exec("npm test"), say(`${answer} ${verdict}`)];
}

/** Whoever asks without tools wants to know what the conversation was about. */
function summarize(): Step {
  return say(
    "I am a script and cannot sum up a conversation. It was about the sample repository: `src/parse.js`, its regular " +
      "expression of units, and the tests in `test/parse.test.js`.",
  );
}

function introduce(turn: readonly Deed[]): readonly Step[] {
  return [
    exec("ls"),
    say(
      "I am a script that plays a model, and I do not understand this prompt. What I can do is " +
        "`/agent make the failing test pass` and `/agent also add a test for milliseconds`, and look around. " +
        `\`ls\` says:\n\n\`\`\`json\n${results(turn, "exec")[0]}\n\`\`\`\n\n` +
        "Set `OPENAI_API_KEY` before `npm start` to talk to a real model.",
    ),
  ];
}

function results(turn: readonly Deed[], tool: string): readonly string[] {
  return turn.flatMap((deed) =>
    deed.kind === "call" && deed.name === tool && isFinished(deed) ? [deed.output ?? ""] : [],
  );
}
