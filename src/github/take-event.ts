import { configuredRules } from "./configured.ts";
import { glance } from "./glance.ts";
import { type Intake, type Taken, take } from "./intake.ts";
import type { GraphqlPlace } from "./octokit-calls.ts";
import { subjectOf, type Trigger } from "./triggers.ts";
import type { Waker } from "./wake.ts";

/** Acts on an event as {@link take} does, by the configuration of the default branch, with what it is judged by read at once. */
export async function takeEvent(
  place: GraphqlPlace,
  waker: Waker,
  trigger: Trigger,
  { isRetried }: Pick<Intake, "isRetried">,
): Promise<Taken> {
  const { defaultBranch } = waker;
  const subject = subjectOf(trigger);
  const seen = subject ? await glance({ ...place, defaultBranch }, subject, waker) : waker;
  const rules = () => configuredRules(seen.forge, defaultBranch);
  return take({ ...waker, ...seen, rules, isRetried }, trigger);
}
