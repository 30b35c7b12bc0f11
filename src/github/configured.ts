import { configPath, parseConfig } from "../config.ts";
import type { Forge } from "./forge.ts";

/** Read from the default branch at each label: a changed configuration holds at once. Null when it cannot be used. */
export async function configuredLabel({ repo }: Forge, branch: string): Promise<string | null> {
  const parsed = parseConfig((await repo.file(configPath, branch)) ?? "");
  return parsed.ok ? parsed.config.triggers.label : null;
}
