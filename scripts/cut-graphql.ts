/**
 * Cuts what the playground's GitHub answers out of GitHub's published GraphQL schema into
 * `playground/schemas/graphql.graphql`: the fields below with these arguments, and the types that they reach, no prose.
 * The schema itself (1.2 MB) is no dependency; fetch it once into a scratch folder and pass the file:
 *
 *   npm install --prefix /tmp/graphql --ignore-scripts @octokit/graphql-schema
 *   node scripts/cut-graphql.ts /tmp/graphql/node_modules/@octokit/graphql-schema/schema.graphql
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type ASTNode, type DefinitionNode, type FieldDefinitionNode, Kind, parse, print, visit } from "graphql";

/** Fields by type, and the arguments of each that are answered. */
const KEPT: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Query: { repository: ["owner", "name"], node: ["id"] },
  Mutation: { updateRefs: ["input"], addReaction: ["input"], addComment: ["input"], updateIssueComment: ["input"] },
  AddReactionPayload: { clientMutationId: [] },
  AddCommentPayload: { clientMutationId: [] },
  UpdateIssueCommentPayload: { clientMutationId: [] },
  Node: { id: [] },
  Actor: { login: [] },
  User: { login: [], databaseId: [], id: [] },
  Bot: { login: [], databaseId: [], id: [] },
  Organization: { login: [], databaseId: [], id: [] },
  Issue: { id: [], number: [], title: [], body: [], author: [] },
  PullRequest: {
    ...{ id: [], number: [], title: [], body: [], author: [] },
    ...{ headRefName: [], headRefOid: [], baseRefName: [], isCrossRepository: [] },
  },
  IssueComment: { id: [], databaseId: [], body: [], url: [], author: [] },
  IssueOrPullRequest: {},
  UpdateRefsPayload: { clientMutationId: [] },
  Repository: { id: [], object: ["expression"], issueOrPullRequest: ["number"] },
  GitObject: { oid: [] },
  Commit: { oid: [], file: ["path"], history: ["first", "after"] },
  TreeEntry: { object: [] },
  Blob: { oid: [], text: [], isBinary: [], isTruncated: [] },
  Tree: { oid: [] },
  Tag: { oid: [] },
  CommitHistoryConnection: { nodes: [], pageInfo: [] },
  PageInfo: { endCursor: [], hasNextPage: [] },
};

function cutField(field: FieldDefinitionNode, args: readonly string[]): FieldDefinitionNode {
  return { ...field, arguments: (field.arguments ?? []).filter(({ name }) => args.includes(name.value)) };
}

/** Whether a type still has what an interface of its asks for. */
function fits(kept: object, asked: object | undefined): boolean {
  return asked !== undefined && Object.keys(asked).every((field) => field in kept);
}

/** The definition with what is kept of it; null where nothing is. */
function cut(definition: DefinitionNode): DefinitionNode | null {
  if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
    const kept = KEPT[definition.name.value];
    if (!kept) return null;
    const fields = (definition.fields ?? []).flatMap((field) => {
      const args = kept[field.name.value];
      return args ? [cutField(field, args)] : [];
    });
    return {
      ...definition,
      fields,
      interfaces: definition.interfaces?.filter(({ name }) => fits(kept, KEPT[name.value])) ?? [],
    };
  }
  if (definition.kind === Kind.UNION_TYPE_DEFINITION) return definition.name.value in KEPT ? definition : null;
  return definition.kind === Kind.DIRECTIVE_DEFINITION ? null : definition;
}

/** Names of types that a definition mentions. */
function mentioned(node: ASTNode): string[] {
  const names: string[] = [];
  visit(node, { NamedType: ({ name }) => void names.push(name.value) });
  return names;
}

const [file] = process.argv.slice(2);
if (!file) throw new Error("Usage: cut-graphql.ts <schema.graphql>");
const plain = visit(parse(readFileSync(file, "utf8"), { noLocation: true }), {
  StringValue: (_node, key) => (key === "description" ? null : undefined),
  Directive: () => null,
});
const all = new Map(
  plain.definitions.flatMap((definition) => {
    const kept = cut(definition);
    return kept && "name" in kept && kept.name ? [[kept.name.value, kept] as const] : [];
  }),
);
const reached = new Set(Object.keys(KEPT));
for (const name of reached) {
  const definition = all.get(name);
  if (definition) for (const other of mentioned(definition)) reached.add(other);
}
const definitions = [...all].flatMap(([name, definition]) => (reached.has(name) ? [print(definition)] : []));
writeFileSync(new URL("../playground/schemas/graphql.graphql", import.meta.url), `${definitions.join("\n\n")}\n`);
