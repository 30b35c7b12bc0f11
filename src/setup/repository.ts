import type { Asked } from "./finding.ts";

/** What GitHub tells of a repository, as far as it concerns Offshoot. */
export interface Repository {
  /** `owner/name` */
  readonly name: string;
  /** Its address in a browser. */
  readonly web: string;
  readonly defaultBranch: string;
  readonly isPrivate: boolean;
  readonly isOrganization: boolean;
  readonly may: { readonly admin: boolean; readonly push: boolean };
}

/** The files of a set-up as they are somewhere; null: not there. */
export interface Files {
  readonly workflow: string | null;
  readonly config: string | null;
  readonly copilot: string | null;
}

/** A branch rule as the API shows it. */
export interface BranchRule {
  readonly type: string;
  /** The name of whoever set it. */
  readonly source: string;
}

export interface Installation {
  readonly slug: string;
  readonly suspended: boolean;
  readonly permissions: Readonly<Record<string, string>>;
}

export interface LastRun {
  readonly url: string;
  readonly event: string;
  readonly conclusion: string | null;
}

/** Everything that `doctor` asks GitHub for. */
export interface Facts {
  readonly repository: Repository;
  /** What a classic token may do; null: another kind of token, which does not tell. */
  readonly scopes: readonly string[] | null;
  readonly files: Files;
  readonly workflowState: Asked<string>;
  readonly actions: Asked<{ enabled: boolean; allowed: string; pinned: boolean }>;
  readonly selected: Asked<{ githubOwned: boolean; patterns: readonly string[] }>;
  readonly mayOpenPullRequests: Asked<boolean>;
  readonly secrets: Asked<readonly string[]>;
  readonly organizationSecrets: Asked<readonly string[]>;
  readonly environmentSecrets: Asked<readonly string[]>;
  readonly variables: Asked<ReadonlyMap<string, string>>;
  readonly lastRun: Asked<LastRun | null>;
  readonly branchRules: Asked<readonly BranchRule[]>;
  readonly installations: Asked<readonly Installation[]>;
}
