import { configPath, parseConfig } from "../config.ts";
import type { Forge, Level } from "./forge.ts";

/** Whom and what sessions are opened by. */
export interface Rules {
  /** What somebody may do in the repository who is heard. */
  readonly trigger: Level;
  readonly label: string;
}

/** Read from the default branch at each event: a changed configuration holds at once. Null when it cannot be used. */
export async function configuredRules({ repo }: Forge, branch: string): Promise<Rules | null> {
  const parsed = parseConfig((await repo.file(configPath, branch)) ?? "");
  if (!parsed.ok) return null;
  const { triggers, permissions } = parsed.config;
  return { trigger: permissions.trigger, label: triggers.label };
}
