import { isUtf8 } from "node:buffer";
import type { Octokit } from "@octokit/rest";
import * as v from "valibot";
import type { Files, NewCommit, Signature } from "../git/commit.ts";
import { type CommitId, commitIdSchema } from "../ids.ts";
import type { RefUpdate } from "../store.ts";
import { ask, isNotOffered } from "./answers.ts";

/** A repository, and a client that is authenticated for it. */
export interface GithubPlace {
  readonly octokit: Pick<Octokit, "request" | "graphql">;
  readonly owner: string;
  readonly repo: string;
  /** Its id in GraphQL, where that is known. */
  readonly node?: string | undefined;
}

/** A ref and, newest first, up to 100 commits of the chain that it is on. */
export interface Whereabouts {
  readonly at: CommitId | null;
  readonly recent: readonly CommitId[];
}

/** GitHub's name for no object. */
const nowhere = "0".repeat(40);

/** A repeated swap could be taken for somebody else's: what became of it is for the caller to find out. */
const once = { request: { retries: 0 } };

const made = v.object({ data: v.object({ sha: commitIdSchema }) });
const madeTree = v.object({
  data: v.object({ sha: v.string(), tree: v.array(v.object({ path: v.string(), sha: v.string() })) }),
});
const swapped = v.object({ updateRefs: v.union([v.literal(false), v.object({})]) });
const anyId = v.looseObject({ id: v.string() });
const anyRepository = v.object({ repository: anyId });
const chainSchema = v.nullable(v.object({ history: v.object({ nodes: v.array(v.object({ oid: commitIdSchema })) }) }));

/** Fields of a file that {@link GithubRepository.text} reads. */
export const textFields = "object { ... on Blob { oid text isTruncated } }";
const blobSchema = v.object({ oid: v.string(), text: v.nullable(v.string()), isTruncated: v.boolean() });
/** A folder in its place has none of the fields. */
export const fileSchema = v.nullable(v.object({ object: v.nullable(v.union([blobSchema, v.strictObject({})])) }));

/** GraphQL for an object by a revision, a full ref or an id. */
export const objectAt = (revision: string, fields: string) =>
  `object(expression: ${JSON.stringify(revision)}) { ... on Commit { ${fields} } }`;

/** One of GitHub's repositories through its API, with no clone. Every method throws {@link StoreError} on failure. */
export class GithubRepository {
  readonly #octokit: GithubPlace["octokit"];
  readonly #at: { readonly owner: string; readonly repo: string };
  #id: string | null = null;

  constructor({ octokit, owner, repo, node }: GithubPlace) {
    this.#id = node ?? null;
    this.#octokit = octokit;
    this.#at = { owner, repo };
  }

  /** Asks for fields of the repository, all in one query. */
  async read<S extends v.GenericSchema>(schema: S, ...fields: readonly string[]): Promise<v.InferOutput<S>> {
    const asked = `repository(owner: $owner, name: $repo) { id ${fields.join(" ")} }`;
    const query = `query ($owner: String!, $repo: String!) { ${asked} }`;
    const { repository } = await ask(anyRepository, () => this.#octokit.graphql(query, this.#at));
    this.#id = repository.id;
    return ask(schema, async () => repository);
  }

  /** What is in a file; null where there is none. */
  async text(file: v.InferOutput<typeof fileSchema>): Promise<string | null> {
    const blob = file?.object;
    if (!blob || !("oid" in blob)) return null;
    return blob.text === null || blob.isTruncated ? (await this.#blob(blob.oid)).toString() : blob.text;
  }

  async #blob(oid: string): Promise<Buffer> {
    const route = "GET /repos/{owner}/{repo}/git/blobs/{file_sha}";
    const schema = v.object({ data: v.object({ content: v.string() }) });
    const { data } = await ask(schema, () => this.#octokit.request(route, { ...this.#at, file_sha: oid }));
    return Buffer.from(data.content, "base64");
  }

  /** The same fields of several objects, in one query. */
  async readEach<S extends v.GenericSchema>(
    schema: S,
    revisions: readonly string[],
    fields: string,
  ): Promise<readonly v.InferOutput<S>[]> {
    const names = revisions.map((_, index) => `object${index}`);
    const asked = revisions.map((revision, index) => `${names[index]}: ${objectAt(revision, fields)}`);
    const found = await this.read(v.object(Object.fromEntries(names.map((name) => [name, schema]))), ...asked);
    return names.map((name) => found[name]);
  }

  async whereabouts(refs: readonly string[]): Promise<readonly Whereabouts[]> {
    const chains = await this.readEach(chainSchema, refs, "history(first: 100) { nodes { oid } }");
    return chains.map((chain) => {
      const recent = (chain?.history.nodes ?? []).map(({ oid }) => oid);
      return { at: recent[0] ?? null, recent };
    });
  }

  /** Names of refs that begin so. */
  async refs(prefix: string): Promise<readonly string[]> {
    const route = "GET /repos/{owner}/{repo}/git/matching-refs/{ref}";
    const schema = v.object({
      data: v.array(v.object({ ref: v.string() })),
      headers: v.object({ link: v.optional(v.string()) }),
    });
    const names: string[] = [];
    for (let page = 1, more = true; more; page += 1) {
      const asked = { ...this.#at, ref: short(prefix), per_page: 100, page };
      const { data, headers } = await ask(schema, () => this.#octokit.request(route, asked));
      names.push(...data.map(({ ref }) => ref));
      more = headers.link?.includes('rel="next"') ?? false;
    }
    return names;
  }

  /** Writes a commit and gives its id; no ref of anyone's moves. */
  async commit({ parents, author, committer, message, tree }: NewCommit<string>): Promise<CommitId> {
    const commit = {
      ...{ ...this.#at, message, parents: [...parents], tree },
      ...{ author: dated(author), committer: dated(committer) },
    };
    const { data } = await ask(made, () => this.#octokit.request("POST /repos/{owner}/{repo}/git/commits", commit));
    return data.sha;
  }

  /** Writes trees, several in one request: as folders of one more, which nobody needs. */
  async trees(all: readonly Files[]): Promise<readonly string[]> {
    const [only, ...others] = all.map((files) => Object.entries(files));
    if (only && others.length === 0) return [(await this.#tree(only)).sha];
    const { tree } = await this.#tree(
      all.flatMap((files, index) =>
        Object.entries(files).map(([path, content]) => [`${index}/${path}`, content] as const),
      ),
    );
    return all.map((_, index) => tree.find(({ path }) => path === String(index))?.sha ?? "");
  }

  async #tree(files: readonly (readonly [path: string, content: Buffer])[]) {
    const tree = await Promise.all(
      files.map(async ([path, content]) => {
        const entry = { path, mode: "100644", type: "blob" } as const;
        return isUtf8(content)
          ? { ...entry, content: content.toString() }
          : { ...entry, sha: await this.#keep(content) };
      }),
    );
    const route = "POST /repos/{owner}/{repo}/git/trees";
    return (await ask(madeTree, () => this.#octokit.request(route, { ...this.#at, tree }))).data;
  }

  async #keep(content: Buffer): Promise<string> {
    const asked = { ...this.#at, content: content.toString("base64"), encoding: "base64" };
    const { data } = await ask(made, () => this.#octokit.request("POST /repos/{owner}/{repo}/git/blobs", asked));
    return data.sha;
  }

  /** Moves one ref on to a commit that stands on where it was read: a compare-and-swap, because it is not forced. */
  async moveRef({ ref, from, to }: RefUpdate & { readonly to: CommitId }): Promise<void> {
    const asked = { ...this.#at, ...once, sha: to };
    await ask(v.unknown(), () =>
      from === null
        ? this.#octokit.request("POST /repos/{owner}/{repo}/git/refs", { ...asked, ref })
        : this.#octokit.request("PATCH /repos/{owner}/{repo}/git/refs/{ref}", {
            ...asked,
            ref: short(ref),
            force: false,
          }),
    );
  }

  /** Moves refs all at once, each only from where it was read. False: this server does not do that for us. */
  async moveRefs(updates: readonly RefUpdate[]): Promise<boolean> {
    const mutation = "mutation ($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }";
    const refUpdates = updates.map(({ ref, from, to }) => {
      return { name: ref, beforeOid: from ?? nowhere, afterOid: to ?? nowhere, force: true };
    });
    const input = { repositoryId: this.#id ?? (await this.read(anyId)).id, refUpdates };
    const moving = () =>
      this.#octokit.graphql(mutation, { ...once, input }).catch((error: unknown) => {
        if (isNotOffered(error)) return { updateRefs: false };
        throw error;
      });
    return (await ask(swapped, moving)).updateRefs !== false;
  }

  async deleteRef(ref: string): Promise<void> {
    const asked = { ...this.#at, ref: short(ref) };
    await ask(v.unknown(), () => this.#octokit.request("DELETE /repos/{owner}/{repo}/git/refs/{ref}", asked));
  }
}

const short = (ref: string) => ref.replace(/^refs\//, "");

const dated = ({ name, email, at }: Signature) => ({ name, email, date: at.toISOString() });
