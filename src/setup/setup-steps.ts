import { createHash } from "node:crypto";

const place = /^( *# setup\b.*\n)([\s\S]*?)(^ *# \/setup *$)/m;

/** The steps between `# setup` and `# /setup` in a workflow; null where it has no such place. */
export function stepsIn(workflow: string): string | null {
  return place.exec(workflow.replaceAll("\r\n", "\n"))?.[2] ?? null;
}

export function withSteps(workflow: string, steps: string): string {
  return workflow.replace(place, (_, begin: string, __, end: string) => `${begin}${steps}${end}`);
}

export function withoutSteps(workflow: string): string {
  return withSteps(workflow.replaceAll("\r\n", "\n"), "");
}

const copied =
  /^ *# copied from \.github\/workflows\/copilot-setup-steps\.yml; changes belong there\. ([0-9a-f]{12})\n/;

const fingerprint = (steps: string) => createHash("sha256").update(steps).digest("hex").slice(0, 12);

/** Steps with a line that tells where they are from, by which a change of a person's is told. */
function markCopied(steps: string): string {
  const mark = `# copied from .github/workflows/copilot-setup-steps.yml; changes belong there. ${fingerprint(steps)}`;
  return `      ${mark}\n${steps}`;
}

/** Whose the steps in a workflow are. */
export function whoseSteps(steps: string): "nobody" | "copied" | "person" {
  if (steps.trim() === "") return "nobody";
  const [line = "", print] = copied.exec(steps) ?? [];
  return print && print === fingerprint(steps.slice(line.length)) ? "copied" : "person";
}

/**
 * The steps that the workflow is to have: a person's own stay; those that were copied follow the file that they are from, and
 * go with it.
 */
export function nextSteps(present: string, fresh: string | null): string {
  if (whoseSteps(present) === "person") return present;
  return fresh === null ? "" : markCopied(fresh);
}
