import { isUtf8 } from "node:buffer";
import { GraphQLError } from "graphql";
import { git, runGit } from "./git.ts";

/** From here on GitHub gives the beginning of a file only. */
const MOST_TEXT = 512_000;

/** What GitHub's `object(expression:)` gives: a source for the resolvers of `GitObject`. */
export async function objectAt(gitDir: string, expression: string): Promise<object | null> {
  const found = /[\n\0]/.test(expression) ? null : await readObject(gitDir, expression);
  if (!found) return null;
  const { oid, type, content } = found;
  switch (type) {
    case "commit":
      return commit(gitDir, oid);
    case "blob":
      return blob(oid, content);
    default:
      return { __typename: type === "tree" ? "Tree" : "Tag", oid };
  }
}

async function readObject(gitDir: string, expression: string) {
  const { stdout } = await runGit(gitDir, ["cat-file", "--batch"], { input: `${expression}\n` });
  const [head = "", oid, type] = /^([0-9a-f]{40}) (\w+) \d+\n/.exec(stdout.subarray(0, 80).toString("latin1")) ?? [];
  return oid && type ? { oid, type, content: stdout.subarray(head.length, -1) } : null;
}

const commit = (gitDir: string, oid: string) => ({
  ...{ __typename: "Commit", oid },
  file: async ({ path }: { path: string }) => {
    const object = await objectAt(gitDir, `${oid}:${path}`);
    return object && { object };
  },
  history: (page: Page) => history(gitDir, oid, page),
});

function blob(oid: string, content: Buffer) {
  const isBinary = !isUtf8(content) || content.includes(0);
  const text = isBinary ? null : content.subarray(0, MOST_TEXT).toString();
  return { __typename: "Blob", oid, isBinary, isTruncated: content.length > MOST_TEXT, text };
}

interface Page {
  readonly first?: number;
  readonly after?: string;
}

/** Pages as GitHub's, up to 100 commits each; a cursor is the commit that the history began with, and a count. */
async function history(gitDir: string, oid: string, { first, after }: Page) {
  if (first === undefined)
    throw new GraphQLError("You must provide a `first` or `last` value to properly paginate the `history` connection.");
  if (first > 100)
    throw new GraphQLError(
      `Requesting ${first} records on the \`history\` connection exceeds the limit of 100 records.`,
    );
  const [start = oid, place = "-1"] = after?.split(" ") ?? [];
  const skip = Number(place) + 1;
  const listed = await git(gitDir, ["rev-list", `--skip=${skip}`, `--max-count=${first + 1}`, start]);
  const all = listed.split("\n").filter(Boolean);
  const nodes = all.slice(0, first);
  return {
    nodes: nodes.map((one) => commit(gitDir, one)),
    pageInfo: { endCursor: `${start} ${skip + nodes.length - 1}`, hasNextPage: all.length > first },
  };
}
