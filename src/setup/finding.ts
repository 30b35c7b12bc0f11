import * as v from "valibot";

/** What `offshoot doctor` found out about one thing. */
export const findingSchema = v.object({
  /** The thing that was looked at, always the same word. */
  check: v.string(),
  status: v.picklist(["ok", "warning", "problem", "unknown"]),
  what: v.string(),
  /** Why it matters. */
  why: v.optional(v.string()),
  /** What to do. */
  remedy: v.optional(v.string()),
});

export type Finding = Readonly<v.InferOutput<typeof findingSchema>>;

/** What is to be said of something that is not as it should be. */
export interface Trouble {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

export const ok = (check: string, what: string): Finding => ({ check, status: "ok", what });
export const warning = (check: string, trouble: Trouble): Finding => ({ check, status: "warning", ...trouble });
export const problem = (check: string, trouble: Trouble): Finding => ({ check, status: "problem", ...trouble });
export const unknown = (check: string, trouble: Trouble): Finding => ({ check, status: "unknown", ...trouble });

/** An answer of GitHub's, or why there is none. */
export type Asked<T> =
  | { readonly known: true; readonly value: T }
  | { readonly known: false; readonly why: string; readonly status: number | null };
