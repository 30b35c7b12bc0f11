import { configPath } from "../config.ts";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId } from "../sessions/ids.ts";

const defaultTip = "refs/offshoot-default/HEAD";

/**
 * The text of `.github/offshoot.toml` as the remote's default branch has it now, whatever else is checked out; empty where
 * there is none. Fetches a commit along that is needed anyway.
 */
export async function readConfig(repository: Repository, along: CommitId): Promise<string> {
  await repository.fetch([along, `+HEAD:${defaultTip}`], 1);
  const [text] = await repository.read([`${defaultTip}:${configPath}`]);
  return text?.toString() ?? "";
}
