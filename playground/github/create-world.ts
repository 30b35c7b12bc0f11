import type { KeyObject } from "node:crypto";
import { EventEmitter } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Token, User, World, WorldEvents } from "../world.ts";
import { createRepository } from "./git-http.ts";
import { usualSettings } from "./settings.ts";

export interface GithubOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly owner: string;
  readonly repo: string;
  /** An empty scratch folder; the repository is created in it. */
  readonly dir: string;
  readonly webhook: { readonly secret: string };
  readonly app: { readonly id: number; readonly slug: string };
}

const IDS = { repo: 700_001, owner: 600_001, installation: 500_001 };
const FIRST_ID = 1_000_001;

/** A world with its people and an empty repository, served at `url`, whose App signs in with the key. */
export async function createWorld(
  { owner, repo, dir, app, webhook }: GithubOptions,
  { url, publicKey, privateKey }: { url: string; publicKey: KeyObject; privateKey: KeyObject },
): Promise<World> {
  const gitDir = join(dir, `${repo}.git`);
  const defaultBranch = "main";
  await mkdir(dir, { recursive: true });
  await createRepository(gitDir, defaultBranch);
  let last = FIRST_ID;
  return {
    ...{ owner, repo, url, gitDir, dir, defaultBranch },
    app: {
      ...{ slug: app.slug, publicKey, webhookSecret: webhook.secret, webhookUrl: null, manifests: new Map() },
      privateKey: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    },
    ids: { ...IDS, app: app.id },
    bus: new EventEmitter<WorldEvents>(),
    users: new Map(population(owner, app.slug).map((user) => [user.login, user])),
    ...{ issues: new Map(), comments: new Map(), labels: new Map(), tokens: new Map(), runs: new Map() },
    tokenLifeMs: 3_600_000,
    idTokenRequests: new Map(),
    settings: usualSettings(),
    ...{ artifacts: new Map(), deliveries: new Map(), secrets: new Map(), variables: new Map(), violations: [] },
    nextId: () => last++,
    now: () => new Date(),
  };
}

const population = (owner: string, slug: string): User[] => [
  { login: owner, id: IDS.owner, type: "Organization", permission: "none" },
  { login: "maintainer", id: 600_002, type: "User", permission: "admin" },
  { login: "outsider", id: 600_003, type: "User", permission: "read" },
  { login: `${slug}[bot]`, id: 600_004, type: "Bot", permission: "write" },
  { login: "github-actions[bot]", id: 41_898_282, type: "Bot", permission: "write" },
];

/** What a person's token stands for. */
export function person(world: World, login: string): Token {
  const user = world.users.get(login);
  if (!user) throw new Error(`There is no user ${login}.`);
  return { kind: "person", user };
}
