import type { Issue, Label, World } from "../world.ts";
import { type Call, cause, created, type Handlers, invalid, list, notFound, ok } from "./call.ts";
import { findIssue } from "./find.ts";
import { labelJson } from "./render.ts";

type Named = string | { readonly name?: string };
/** A label in a request: its name, or an object that has it. */
export const nameOf = (label: Named): string => (typeof label === "string" ? label : (label.name ?? ""));

/** GitHub makes a label that does not exist yet when somebody with write access uses it. */
function useLabel(world: World, name: string): Label {
  const known = [...world.labels.values()].find((label) => label.name.toLowerCase() === name.toLowerCase());
  if (known) return known;
  const label = { id: world.nextId(), name, color: "ededed", description: "" };
  world.labels.set(name, label);
  return label;
}

/** Makes these the labels of the issue, and tells of each that came or went. */
export function setLabels(
  { world, caller }: Pick<Call<"issues/update">, "world" | "caller">,
  issue: Issue,
  names: readonly string[],
): void {
  const wanted = [...new Set(names.map((name) => useLabel(world, name)))];
  const before = issue.labels;
  issue.labels = wanted;
  issue.updatedAt = world.now();
  for (const label of before.filter((old) => !wanted.includes(old)))
    world.bus.emit("issue", { action: "unlabeled", issue, label, ...cause(caller) });
  for (const label of wanted.filter((added) => !before.includes(added)))
    world.bus.emit("issue", { action: "labeled", issue, label, ...cause(caller) });
}

function createLabel({ world, body }: Call<"issues/create-label">) {
  const exists = [...world.labels.keys()].some((name) => name.toLowerCase() === body.name.toLowerCase());
  if (exists) throw invalid("Label", "name", "already_exists");
  const label = {
    id: world.nextId(),
    name: body.name,
    color: body.color ?? "ededed",
    description: body.description ?? "",
  };
  world.labels.set(label.name, label);
  return created(labelJson(world, label));
}

const labelsOf = (world: World, issue: Issue) => list(issue.labels.map((label) => labelJson(world, label)));

/** The three shapes that GitHub takes: a list of names, `{labels: names}` and `{labels: [{name}]}`. */
function namesIn(body: Call<"issues/add-labels">["body"] | Call<"issues/set-labels">["body"]): string[] {
  const labels: readonly Named[] =
    typeof body === "string" ? [body] : Array.isArray(body) ? body : (body?.labels ?? []);
  return labels.map(nameOf);
}

function removeLabel(call: Call<"issues/remove-label">) {
  const issue = findIssue(call.world, call.params.issue_number);
  if (!issue.labels.some(({ name }) => name === call.params.name)) throw notFound();
  setLabels(
    call,
    issue,
    issue.labels.map(({ name }) => name).filter((name) => name !== call.params.name),
  );
  return labelsOf(call.world, issue);
}

export type LabelOperations =
  | "issues/list-labels-for-repo"
  | "issues/create-label"
  | "issues/get-label"
  | "issues/list-labels-on-issue"
  | "issues/add-labels"
  | "issues/set-labels"
  | "issues/remove-label";

export const labels: Handlers<LabelOperations> = {
  "issues/list-labels-for-repo": ({ world }) =>
    list([...world.labels.values()].map((label) => labelJson(world, label))),
  "issues/create-label": createLabel,
  "issues/get-label": ({ world, params }) => {
    const label = world.labels.get(params.name);
    if (!label) throw notFound();
    return ok(labelJson(world, label));
  },
  "issues/list-labels-on-issue": ({ world, params }) => labelsOf(world, findIssue(world, params.issue_number)),
  "issues/add-labels": (call) => {
    const issue = findIssue(call.world, call.params.issue_number);
    setLabels(call, issue, [...issue.labels.map(({ name }) => name), ...namesIn(call.body)]);
    return labelsOf(call.world, issue);
  },
  "issues/set-labels": (call) => {
    const issue = findIssue(call.world, call.params.issue_number);
    setLabels(call, issue, namesIn(call.body));
    return labelsOf(call.world, issue);
  },
  "issues/remove-label": removeLabel,
};
