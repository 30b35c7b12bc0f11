import { secretsIn } from "../runner/secrets.ts";
import { redactor } from "../sessions/secrets/redact.ts";
import type { Terminal } from "./terminal.ts";

/** What a person wrote, as it may be written down. */
export function withoutSecrets({ env }: Terminal, text: string): string {
  return redactor({ known: secretsIn(env, []) }).text(text);
}
