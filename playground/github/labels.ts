import type { Issue, Label, World } from "../world.ts";
import { type Call, type Caller, cause, created, found, type Handlers, invalid, type Reply } from "./call.ts";
import { labelJson } from "./render.ts";

type Named = string | { readonly name?: string };

/** A label in a request: its name, or an object that has it. */
export const nameOf = (label: Named): string => (typeof label === "string" ? label : (label.name ?? ""));

const findLabel = (world: World, name: string): Label | undefined =>
  [...world.labels.values()].find((label) => label.name.toLowerCase() === name.toLowerCase());

function addLabel(world: World, { name, color = "ededed", description = "" }: Partial<Label> & { name: string }) {
  const label = { id: world.nextId(), name, color, description };
  world.labels.set(name, label);
  return label;
}

/** Makes these the labels of the issue, new ones if need be, and tells of each that came or went. */
export function setLabels(world: World, caller: Caller, issue: Issue, names: readonly string[]): void {
  const wanted = [...new Set(names.map((name) => findLabel(world, name) ?? addLabel(world, { name })))];
  const before = issue.labels;
  issue.labels = wanted;
  issue.updatedAt = world.now();
  for (const label of before.filter((old) => !wanted.includes(old)))
    world.bus.emit("issue", { action: "unlabeled", issue, label, ...cause(caller) });
  for (const label of wanted.filter((added) => !before.includes(added)))
    world.bus.emit("issue", { action: "labeled", issue, label, ...cause(caller) });
}

const listOf = (world: World, labels: Iterable<Label>): Reply => ({
  page: [...labels].map((label) => labelJson(world, label)),
});

function addLabels({ world, caller, params, body }: Call<"issues/add-labels">) {
  const issue = found(world.issues.get(params.issue_number));
  // GitHub takes `{"labels": [...]}` and the bare list.
  const added: readonly Named[] = Array.isArray(body) ? body : typeof body === "object" ? (body?.labels ?? []) : [body];
  setLabels(world, caller, issue, [...issue.labels, ...added].map(nameOf));
  return listOf(world, issue.labels);
}

function removeLabel({ world, caller, params }: Call<"issues/remove-label">) {
  const issue = found(world.issues.get(params.issue_number));
  const gone = found(issue.labels.find(({ name }) => name === params.name));
  const kept = issue.labels.filter((label) => label !== gone);
  setLabels(world, caller, issue, kept.map(nameOf));
  return listOf(world, issue.labels);
}

export const labels = {
  "issues/list-labels-for-repo": ({ world }) => listOf(world, world.labels.values()),
  "issues/create-label": ({ world, body }) => {
    if (findLabel(world, body.name)) throw invalid("Label", "name", "already_exists");
    return created(labelJson(world, addLabel(world, body)));
  },
  "issues/list-labels-on-issue": ({ world, params }) =>
    listOf(world, found(world.issues.get(params.issue_number)).labels),
  "issues/add-labels": addLabels,
  "issues/remove-label": removeLabel,
} satisfies Handlers;
