import { git, resolveRevision } from "../github/git.ts";
import type { World } from "../world.ts";
import { readWorkflow, type WorkflowFile } from "./workflow.ts";

const folder = ".github/workflows/";

/** The workflow file at a commit; null when there is none. */
export async function workflowAt(world: World, commit: string, path: string): Promise<WorkflowFile | null> {
  const blob = await resolveRevision(world.gitDir, `${commit}:${path}`);
  return blob === null ? null : readWorkflow(path, await git(world.gitDir, ["cat-file", "blob", blob]));
}

export interface FoundWorkflow {
  readonly path: string;
  readonly file: WorkflowFile;
}

export async function workflowsAt(world: World, commit: string): Promise<FoundWorkflow[]> {
  const listed = await git(world.gitDir, ["ls-tree", "--name-only", "-z", commit, folder]);
  const paths = listed.split("\0").filter((path) => /\.ya?ml$/.test(path));
  const files = await Promise.all(paths.map((path) => workflowAt(world, commit, path)));
  return paths.flatMap((path, index) => {
    const file = files[index];
    return file ? [{ path, file }] : [];
  });
}

/** A branch or tag, by its short or full name, and the commit it is at. */
export async function findRef(world: World, name: string): Promise<{ ref: string; sha: string } | null> {
  const candidates = name.startsWith("refs/") ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`];
  for (const ref of candidates) {
    const sha = await resolveRevision(world.gitDir, `${ref}^{commit}`);
    if (sha) return { ref, sha };
  }
  return null;
}

export async function commitSubject(world: World, commit: string): Promise<string> {
  return (await git(world.gitDir, ["log", "-1", "--format=%s", commit])).trim();
}
