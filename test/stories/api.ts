import type { Github } from "../../playground/github/server.ts";

export interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Posts to the API below the playground's repository, as any client would. */
export async function post(
  { world }: Github,
  path: string,
  { token, body }: { readonly token: string; readonly body: unknown },
): Promise<Answer> {
  const response = await fetch(`${world.url}/api/v3/repos/${world.owner}/${world.repo}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const json: unknown = await response.json();
  return { status: response.status, json: typeof json === "object" && json !== null ? { ...json } : {} };
}
