/** Where Probot hears of events, below the app's public URL. */
export const webhookPath = "/api/github/webhooks";

/** What the App may do, and what for. */
export const permissions = {
  actions: { access: "write", why: "start runs of the workflow, and see whether one has ended" },
  contents: { access: "write", why: "keep journals in refs, and push the sessions' branches" },
  issues: { access: "write", why: "read what was asked, answer, and react" },
  pull_requests: { access: "write", why: "open the sessions' pull requests, and answer on them" },
  metadata: { access: "read", why: "GitHub gives it to every App" },
} as const;

/** What the App hears of, and what for. */
export const events = {
  issue_comment: "commands",
  issues: "the label that starts a session",
  workflow_run: "runs that ended, so that a session whose run died goes on",
} as const;

/** What GitHub makes an App from, as `POST …/settings/apps/new` takes it. `url` is where GitHub and runs reach the app. */
export function appManifest({ url, name }: { readonly url: string; readonly name: string }) {
  return {
    name,
    url: "https://github.com/offshoot/offshoot",
    description: "Durable sessions of a coding agent, opened by comments that begin with /agent.",
    public: false,
    hook_attributes: { url: `${url}${webhookPath}`, active: true },
    redirect_url: `${url}${setupPath}/done`,
    default_permissions: Object.fromEntries(Object.entries(permissions).map(([name, { access }]) => [name, access])),
    default_events: Object.keys(events),
  };
}

/** Where the app is set up, below its public URL. */
export const setupPath = "/offshoot/setup";
