import { actions } from "./actions.ts";
import { apps } from "./apps.ts";
import type { Handlers } from "./call.ts";
import { gitData } from "./git-data.ts";
import { hooks } from "./hooks.ts";
import { issues } from "./issues.ts";
import { labels } from "./labels.ts";
import { pulls } from "./pulls.ts";
import { repos } from "./repos.ts";
import { settings } from "./settings.ts";

/** Everything that the double answers, by GitHub's own operation ids; the rest is 501. */
export const handlers = {
  ...{ ...apps, ...hooks, ...repos, ...issues, ...labels, ...pulls, ...gitData, ...actions, ...settings },
} satisfies Handlers;

export type OperationId = keyof typeof handlers;
