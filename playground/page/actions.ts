import * as v from "valibot";
import type { Site } from "./layout.ts";

export interface Refusal {
  readonly status: number;
  readonly message: string;
}

const formSchema = v.object({
  thread: v.pipe(v.string(), v.regex(/^\d+$/)),
  as: v.picklist(["maintainer", "outsider"]),
  body: v.optional(v.string(), ""),
  label: v.optional(v.string(), ""),
});

type Form = v.InferOutput<typeof formSchema>;

/** Does at the API, as the chosen person, what a form of the page asks for. Null when that worked. */
export async function act(site: Site, action: string, form: URLSearchParams): Promise<Refusal | null> {
  const fields = v.safeParse(formSchema, Object.fromEntries(form));
  const call = fields.success ? apiCall(action, fields.output) : null;
  if (!fields.success || !call) return { status: 400, message: "This form is not one of the page's." };
  const { url, owner, repo } = site.world;
  const response = await fetch(`${url}/api/v3/repos/${owner}/${repo}/issues/${call.path}`, {
    method: call.method,
    headers: { authorization: `Bearer ${site[fields.output.as].token}`, "content-type": "application/json" },
    ...(call.body ? { body: JSON.stringify(call.body) } : {}),
  });
  return response.ok ? null : { status: response.status, message: `The API refused: ${await response.text()}` };
}

interface ApiCall {
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
}

function apiCall(action: string, { thread, body, label }: Form): ApiCall | null {
  const [, id, change] = /^comments\/(\d+)\/(edit|delete)$/.exec(action) ?? [];
  if (action === "comments") return { method: "POST", path: `${thread}/comments`, body: { body } };
  if (id && change === "edit") return { method: "PATCH", path: `comments/${id}`, body: { body } };
  if (id && change === "delete") return { method: "DELETE", path: `comments/${id}` };
  if (action === "labels/add") return { method: "POST", path: `${thread}/labels`, body: { labels: [label] } };
  if (action === "labels/remove") return { method: "DELETE", path: `${thread}/labels/${encodeURIComponent(label)}` };
  return null;
}
