import { type Deed, edit, exec, isFinished, type Move, nextStep, read, type Step, say } from "./scripted-model.ts";

const SOURCE = "src/parse.js";
const WRONG = "(d|h|m|s|ms)";
const RIGHT = "(d|h|ms|m|s)";

const TESTS = "test/parse.test.js";
const LAST_TEST = `test("refuses what is not a duration", () => {`;
const NEW_TEST = `test("adds milliseconds to seconds", () => {
  assert.equal(parse("1s 250ms"), 1_250);
});

`;

const README = "README.md";
const UNITS_LINE = "Text that is not a duration throws a `RangeError`.";
const MORE_UNITS = "Units can be mixed and fractions work: `1.5h 250ms`.";

/** The model of the playground: works on the sample repository, and says what it is to every other prompt. */
export function sampleScript(deeds: readonly Deed[]): Move {
  const turn = deeds.slice(deeds.findLastIndex((deed) => deed.kind === "answer") + 1);
  const step = nextStep(planFor(turn)(turn), turn);
  if (!step) throw new Error("a plan of the sample script ends without an answer");
  return step.move;
}

type Plan = (turn: readonly Deed[]) => readonly Step[];

const PLANS: readonly (readonly [RegExp, Plan])[] = [
  [/\b(add|write)\b.*\btests?\b/i, addTest],
  [/\breadme\b|\bdocument/i, extendReadme],
  [/\b(fix|fail|bug|broken|wrong|make)/i, fixBug],
];

/** The first prompt of the turn decides; what is said during it (a steer) does not change the plan. */
function planFor(turn: readonly Deed[]): Plan {
  for (const deed of turn) {
    if (deed.kind !== "prompt") continue;
    const asked = promptIn(deed.text);
    const known = PLANS.find(([pattern]) => pattern.test(asked));
    if (known) return known[1];
  }
  return introduce;
}

/** What was asked, without the text and the like that are told beside it. */
function promptIn(text: string): string {
  return /<prompt\b[^>]*>([\s\S]*)<\/prompt>/.exec(text)?.[1] ?? text;
}

function fixBug(turn: readonly Deed[]): readonly Step[] {
  const runs = results(turn, "exec");
  if (runs[0] && passed(runs[0])) return [exec("npm test"), say("`npm test` passes already, so I changed nothing.")];
  return [
    exec("npm test"),
    read(SOURCE),
    edit(SOURCE, WRONG, RIGHT),
    exec("npm test"),
    say(
      "Read `ms` as milliseconds\n\n" +
        `A regular expression takes the first alternative that fits, and in \`${SOURCE}\`, \`m\` stood before \`ms\`: ` +
        `\`250ms\` was 250 minutes. I put \`ms\` first: \`${RIGHT}\`. ${verdict(runs[1])}`,
    ),
  ];
}

function addTest(turn: readonly Deed[]): readonly Step[] {
  const seen = results(turn, "read")[0];
  if (seen?.includes("1s 250ms")) return [read(TESTS), say(`\`${TESTS}\` has the only test that I know already.`)];
  return [
    read(TESTS),
    edit(TESTS, LAST_TEST, NEW_TEST + LAST_TEST),
    exec("npm test"),
    say(
      "Test milliseconds next to seconds\n\n" +
        `\`${TESTS}\` now checks that \`1s 250ms\` is 1,250 milliseconds. ${verdict(results(turn, "exec")[0])} ` +
        "It is the one test that my script knows, whatever was asked for.",
    ),
  ];
}

function extendReadme(turn: readonly Deed[]): readonly Step[] {
  const seen = results(turn, "read")[0];
  if (seen?.includes(MORE_UNITS)) return [read(README), say("The README has the only sentence that I know already.")];
  return [
    read(README),
    edit(README, UNITS_LINE, `${UNITS_LINE} ${MORE_UNITS}`),
    say("Document mixed units\n\nThe README now says that units can be mixed and that fractions work."),
  ];
}

function introduce(turn: readonly Deed[]): readonly Step[] {
  const listing = results(turn, "exec")[0];
  return [
    exec("ls"),
    say(
      "I am a script that plays a model, and I do not understand this prompt. In this repository I can:\n\n" +
        "- `/agent make the failing test pass`\n- `/agent also add a test for milliseconds`\n" +
        "- `/agent document it in the README`\n\n" +
        "What I can do anywhere is look around. `ls` says:\n\n" +
        `\`\`\`\n${stdout(listing).trim()}\n\`\`\`\n\n` +
        "Set `OPENAI_API_KEY` before `npm start` to talk to a real model.",
    ),
  ];
}

function results(turn: readonly Deed[], tool: string): readonly string[] {
  return turn.flatMap((deed) =>
    deed.kind === "call" && deed.name === tool && isFinished(deed) ? [deed.output ?? ""] : [],
  );
}

function verdict(run: string | undefined): string {
  const green = run !== undefined && passed(run);
  return green ? "`npm test` passes." : "`npm test` still fails; the rest is beyond my script.";
}

function passed(result: string): boolean {
  return /"exit_code":\s*0\b/.test(result);
}

function stdout(result = ""): string {
  try {
    const value: unknown = JSON.parse(result);
    if (typeof value === "object" && value !== null && "stdout" in value) return String(value.stdout);
  } catch {
    return result;
  }
  return result;
}
