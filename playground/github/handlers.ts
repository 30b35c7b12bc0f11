import { actions } from "./actions.ts";
import { apps } from "./apps.ts";
import type { Handlers } from "./call.ts";
import { gitData } from "./git-data.ts";
import { issues } from "./issues.ts";
import { labels } from "./labels.ts";
import type { OperationId } from "./operations.ts";
import { pulls } from "./pulls.ts";
import { reactions } from "./reactions.ts";
import { repos } from "./repos.ts";

/** One handler for every operation that the double answers. */
export const handlers: Handlers<OperationId> = {
  ...apps,
  ...repos,
  ...issues,
  ...labels,
  ...reactions,
  ...pulls,
  ...gitData,
  ...actions,
};
