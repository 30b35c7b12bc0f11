import { type Move, nextStep, type Script, type Step, say } from "../../playground/scripted-model.ts";

/**
 * A model that answers each prompt by the steps that it has for it, whatever came before, and a request for a summary by
 * `summary`.
 */
export function conversation(
  turns: Readonly<Record<string, readonly Step[]>>,
  summary: Step = say("Nothing."),
): Script {
  return async (deeds): Promise<Move> => {
    const at = deeds.findLastIndex(({ kind }) => kind === "prompt");
    const last = deeds[at];
    const [asked = ""] =
      last?.kind === "prompt" ? (/(?<=<prompt[^>]*>\n)[\s\S]*(?=\n<\/prompt>$)/.exec(last.text) ?? []) : [];
    const steps = asked.startsWith("Write the summary") ? [summary] : (turns[asked] ?? []);
    const step = nextStep(steps, deeds.slice(at + 1)) ?? say(`Nothing to do for: ${asked}`);
    step.gate?.arrive();
    await step.gate?.released;
    return step.move;
  };
}
