/** The workflow without the events that the app hears of by itself: only the app, a run or a person starts it. */
export function forApp(workflow: string): string {
  const reduced = workflow.replace(/^on:\n(?: .*\n|\n)*?(?= {2}workflow_dispatch:)/m, "on:\n");
  if (!/^on:\n {2}workflow_dispatch:/m.test(reduced))
    throw new Error("The workflow has no `workflow_dispatch` under `on:`.");
  return reduced;
}
