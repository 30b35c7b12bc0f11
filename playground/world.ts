import type { KeyObject } from "node:crypto";
import type { EventEmitter } from "node:events";

/**
 * Everything that the double of GitHub knows, in memory. Git objects and refs live in the bare repository at `gitDir`.
 * Whoever changes something here says so on `bus`; webhooks, the Actions executor and the page listen there.
 */
export interface World {
  readonly owner: string;
  readonly repo: string;
  /** Numeric ids of the repository, its owner and the App's installation, as GitHub would send them. */
  readonly ids: { readonly repo: number; readonly owner: number; readonly installation: number; readonly app: number };
  /** The App: its bot is `SLUG[bot]`, and whoever signs with its key is the App itself. */
  readonly app: {
    readonly slug: string;
    readonly publicKey: KeyObject;
    /** PEM. */
    readonly privateKey: string;
    readonly webhookSecret: string;
    /** Where its webhooks go; null: nowhere yet. */
    webhookUrl: string | null;
    /** Codes for Apps that somebody has just made from a manifest. */
    readonly manifests: Map<string, unknown>;
  };
  readonly defaultBranch: string;
  /** `http://127.0.0.1:PORT`, no trailing slash. REST is under `/api/v3`, git at `/OWNER/REPO.git`. */
  readonly url: string;
  /** The bare repository's directory. */
  readonly gitDir: string;
  /** Scratch folder of this playground; everything in it goes when the playground ends. */
  readonly dir: string;
  readonly bus: EventEmitter<WorldEvents>;
  readonly users: Map<string, User>;
  /** Issues and pull requests share one numbering, as on GitHub. */
  readonly issues: Map<number, Issue>;
  readonly comments: Map<number, Comment>;
  readonly labels: Map<string, Label>;
  readonly tokens: Map<string, Token>;
  /** How long an installation's token is good; a test may make it less. */
  tokenLifeMs: number;
  /** The OIDC claims of each running job that may ask for them, by the secret that it asks with. */
  readonly idTokenRequests: Map<string, Readonly<Record<string, unknown>>>;
  readonly runs: Map<number, Run>;
  readonly artifacts: Map<number, Artifact>;
  readonly deliveries: Map<string, Delivery>;
  readonly secrets: Map<string, string>;
  readonly variables: Map<string, string>;
  readonly settings: Settings;
  /** Answers and payloads of ours that GitHub's published schemas refuse: a bug of the double. Empty in a good run. */
  readonly violations: string[];
  readonly nextId: () => number;
  readonly now: () => Date;
}

/** What an administrator chooses for the repository. */
export interface Settings {
  actions: {
    enabled: boolean;
    allowed: "all" | "local_only" | "selected";
    /** For `selected`: whether GitHub's own actions are among them, and the patterns of the others. */
    githubOwned: boolean;
    patterns: string[];
    /** Whether actions have to be named by their commit. */
    pinned: boolean;
  };
  pullRequestsByActions: boolean;
  workflowState: "active" | "disabled_manually" | "disabled_inactivity";
  organizationSecrets: string[];
  /** What holds for branches named `offshoot/…`, as the API shows it. */
  branchRules: object[];
  /** Null: the App is not installed. */
  installation: { suspendedAt: string | null } | null;
}

/** `startsWorkflows` is false for what a run did with its `GITHUB_TOKEN`; webhooks go out all the same. */
export interface WorldEvents {
  issue: [
    {
      action: "opened" | "edited" | "closed" | "reopened" | "labeled" | "unlabeled";
      issue: Issue;
      label?: Label;
      sender: User;
      startsWorkflows: boolean;
    },
  ];
  comment: [{ action: "created" | "edited" | "deleted"; comment: Comment; sender: User; startsWorkflows: boolean }];
  pull: [
    {
      action: "opened" | "edited" | "closed" | "reopened" | "synchronize";
      issue: Issue;
      sender: User;
      startsWorkflows: boolean;
    },
  ];
  /** A ref moved by `git push` or through the API. `before`/`after` are null for creation and deletion. */
  ref: [{ ref: string; before: string | null; after: string | null; sender: User; startsWorkflows: boolean }];
  /** `workflow` is the file's path (`.github/workflows/agent.yml`); the run is to be created under `runId`. */
  dispatch: [{ workflow: string; ref: string; inputs: Record<string, string>; sender: User; runId: number }];
  cancel: [{ runId: number }];
  /** Somebody lets a run begin that waits for it. */
  approve: [{ runId: number }];
  run: [{ action: "requested" | "in_progress" | "completed"; run: Run }];
  delivery: [Delivery];
  /** A logged delivery is to be sent again. */
  redelivery: [Delivery];
}

export interface User {
  readonly login: string;
  readonly id: number;
  readonly type: "User" | "Bot" | "Organization";
  readonly permission: "admin" | "maintain" | "write" | "read" | "none";
}

/** What a bearer token may do: a person's, the App's installation token, or a run's `GITHUB_TOKEN`. */
export interface Token {
  readonly user: User;
  readonly kind: "person" | "installation" | "run";
  readonly expiresAt?: Date;
  /** GitHub's permission names (`contents`, `issues`, `pull_requests`, `actions`…); absent: all that `user` may do. */
  readonly permissions?: Readonly<Record<string, "read" | "write">>;
}

export interface Label {
  readonly id: number;
  readonly name: string;
  readonly color: string;
  readonly description: string;
}

export interface Issue {
  readonly id: number;
  readonly number: number;
  readonly author: User;
  readonly createdAt: Date;
  title: string;
  body: string;
  state: "open" | "closed";
  labels: Label[];
  updatedAt: Date;
  closedAt: Date | null;
  readonly pull?: Pull;
}

export interface Pull {
  /** Branch names without `refs/heads/`. */
  readonly head: string;
  readonly base: string;
  /** Whose fork the head is in; its branches are kept in the same place, under `refs/forks/LOGIN/`. */
  readonly fork?: User;
  headSha: string;
  baseSha: string;
  readonly draft: boolean;
  merged: boolean;
}

export interface Comment {
  readonly id: number;
  readonly issue: number;
  readonly author: User;
  readonly createdAt: Date;
  body: string;
  updatedAt: Date;
  readonly reactions: Reaction[];
}

export interface Reaction {
  readonly id: number;
  readonly user: User;
  readonly content: "+1" | "-1" | "laugh" | "confused" | "heart" | "hooray" | "rocket" | "eyes";
  readonly createdAt: Date;
}

/** How something that runs is doing. */
interface Progress {
  status: "queued" | "in_progress" | "completed";
  conclusion: "success" | "failure" | "cancelled" | "skipped" | "action_required" | null;
  startedAt: Date | null;
}

export interface Run extends Progress {
  readonly id: number;
  readonly number: number;
  readonly workflowPath: string;
  readonly workflowId: number;
  readonly name: string;
  /** `run-name` evaluated, GitHub's `display_title`. */
  title: string;
  readonly event: "workflow_dispatch" | "pull_request" | "push" | "issue_comment" | "issues";
  readonly headSha: string;
  readonly headBranch: string;
  readonly actor: User;
  readonly pulls: number[];
  readonly createdAt: Date;
  attempt: number;
  updatedAt: Date;
  readonly jobs: Job[];
}

export interface Job extends Progress {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  completedAt: Date | null;
  /** Lines as GitHub's log shows them, each with its timestamp in front. */
  readonly log: string[];
  readonly steps: Step[];
  /** What the job wrote to GITHUB_STEP_SUMMARY, Markdown. */
  summary: string;
}

export interface Step extends Progress {
  readonly number: number;
  readonly name: string;
  completedAt: Date | null;
}

export interface Artifact {
  readonly id: number;
  readonly runId: number;
  readonly name: string;
  /** Path of the stored file: an artifact is one file, as it was. */
  readonly file: string;
  readonly size: number;
}

/** One webhook delivery, kept so that it can be listed and sent again. */
export interface Delivery {
  readonly id: number;
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  readonly payload: unknown;
  readonly redelivery: boolean;
  readonly at: Date;
  /** 0 where there was no answer. */
  status: number;
}
