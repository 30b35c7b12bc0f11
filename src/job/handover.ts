import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/**
 * A token on its way from the action's main part to its post part, which ends it if the main part did not come to that.
 * GitHub hands over through a file, where commands of the agent may look: so it is sealed under a secret of the job
 * that they do not have, `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
 */
export function sealToken(token: string, secret: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keyFrom(secret), nonce);
  const sealed = Buffer.concat([cipher.update(token, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
}

/** Null where it was sealed under another secret, or is not whole. */
export function openToken(text: string, secret: string): string | null {
  const bytes = Buffer.from(text, "base64");
  const decipher = createDecipheriv("aes-256-gcm", keyFrom(secret), bytes.subarray(0, 12), { authTagLength: 16 });
  try {
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
  } catch {
    return null;
  }
}

function keyFrom(secret: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", "offshoot: a run's token", 32));
}
