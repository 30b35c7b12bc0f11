import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { appendRows } from "./append.ts";
import { archiveRows } from "./archive.ts";
import { git } from "./git.ts";
import { listRows } from "./list.ts";
import { printTable } from "./measure.ts";
import { resumeRows } from "./resume.ts";

/** What sessions in a repository cost, against what plain git takes for the same refs and objects in the same run. */
export async function benchStore(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "offshoot-bench-"));
  try {
    const version = (await git(folder, ["version"])).toString().trim();
    console.log(`Node ${process.version}, ${version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`);
    printTable("Appending", await appendRows(folder));
    printTable("Resuming a session of 50,000 events that was compacted once", await resumeRows(folder));
    printTable("Among 10,000 sessions", await listRows(folder));
    printTable("With 10,000 sessions in the archive", await archiveRows(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
