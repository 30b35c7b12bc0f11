import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Account, Forge, Written } from "../../src/github/forge.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import type { Mortal } from "./mortal.ts";

/** All that is said and opened on a forge. */
export interface Said {
  readonly comments: readonly { readonly number: number; readonly thread: number; readonly body: string }[];
  readonly pulls: readonly { readonly number: number; readonly head: string; readonly body: string }[];
}

const person: Account = { login: "ada", id: 7, bot: false };
const url = "https://example.test/octo/sample";

export function readForge(file: string): Said {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { comments: [], pulls: [] };
}

/** A forge in a file, for processes that come one after another; `asked` are the comments of people, by id. */
export function fileForge(options: {
  readonly file: string;
  readonly asked: Readonly<Record<number, { readonly thread: number; readonly text: string }>>;
  readonly branch: (name: string) => Promise<CommitId | null>;
  readonly mortal: Mortal;
}): Forge {
  const { file, asked, branch, mortal } = options;
  const change = (next: Said) => {
    writeFileSync(`${file}.new`, JSON.stringify(next));
    renameSync(`${file}.new`, file);
  };
  const post = (make: (number: number, said: Said) => Said): Promise<Written> =>
    mortal.write("post", async () => {
      const said = readForge(file);
      const number = 1_000 + said.comments.length + said.pulls.length;
      change(make(number, said));
      return { number, url: `${url}/${number}` };
    });
  return {
    repo: { url, name: "octo/sample", standing: async () => "admin", branch, file: async () => null },
    runs: { dispatch: async () => ({ ok: true }), hasEnded: async () => true, isUnderWay: async () => false },
    conversation: {
      thread: async (number) => ({
        number,
        node: `thread ${number}`,
        title: `Issue ${number}`,
        body: "",
        author: person,
      }),
      async comment(id) {
        const comment = asked[id];
        if (!comment) return null;
        return { id, node: "", thread: comment.thread, author: person, body: comment.text, url: `${url}#${id}` };
      },
      react: async () => undefined,
      async receive({ body, where }) {
        if ("edit" in where) return false;
        const thread = Number(where.thread.slice("thread ".length));
        await post((number, said) => ({ ...said, comments: [...said.comments, { number, thread, body }] }));
        return true;
      },
      post: (thread, body) =>
        post((number, said) => ({ ...said, comments: [...said.comments, { number, thread, body }] })),
      async edit(number, body) {
        const said = readForge(file);
        change({
          ...said,
          comments: said.comments.map((comment) => (comment.number === number ? { ...comment, body } : comment)),
        });
        return said.comments.some((comment) => comment.number === number);
      },
      async find(thread, marker) {
        const found = readForge(file).comments.filter(
          (comment) => comment.thread === thread && comment.body.startsWith(marker),
        );
        return found.map(({ number }) => ({ number, url: `${url}/${number}` }));
      },
      async remove(number) {
        const said = readForge(file);
        change({ ...said, comments: said.comments.filter((comment) => comment.number !== number) });
      },
    },
    pulls: {
      async from(head) {
        const pull = readForge(file).pulls.find((one) => one.head === head);
        return pull ? { number: pull.number, url: `${url}/${pull.number}`, body: pull.body } : null;
      },
      open: async ({ head, body }) => ({
        ok: true,
        ...(await post((number, said) => ({ ...said, pulls: [...said.pulls, { number, head, body }] }))),
      }),
      async describe(number, body) {
        const said = readForge(file);
        change({ ...said, pulls: said.pulls.map((pull) => (pull.number === number ? { ...pull, body } : pull)) });
      },
    },
  };
}
