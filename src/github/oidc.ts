import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import * as v from "valibot";
import { type Claims, claimsSchema, type Refusal } from "./claims.ts";

export interface VerifierOptions {
  /** Where GitHub is for people, `https://github.com`. */
  readonly server: string;
  /** Whom tokens must be made for. */
  readonly audience: string;
  readonly now: () => Date;
}

export type Verified =
  | { readonly ok: true; readonly claims: Claims }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Reads OIDC tokens of Actions runs: signed by this GitHub, for this audience, valid now. Rejects when the issuer's keys
 * cannot be had.
 */
export function verifier({ server, audience, now }: VerifierOptions): (jwt: string) => Promise<Verified> {
  const issuer = issuerOf(server);
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks`));
  return async (jwt) => {
    const required = { algorithms: ["RS256"], requiredClaims: ["exp", "nbf", "jti"], currentDate: now() };
    try {
      const { payload } = await jwtVerify(jwt, keys, { issuer, audience, ...required });
      const parsed = v.safeParse(claimsSchema, payload);
      if (!parsed.success) return { ok: false, refusal: "malformed" };
      return { ok: true, claims: parsed.output };
    } catch (error) {
      return { ok: false, refusal: refusalOf(error) };
    }
  };
}

function issuerOf(server: string): string {
  const { origin } = new URL(server);
  return origin === "https://github.com" ? "https://token.actions.githubusercontent.com" : `${origin}/_services/token`;
}

const byClaim: Readonly<Record<string, Refusal>> = { iss: "issuer", aud: "audience", exp: "time", nbf: "time" };

const unsigned = [
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWSSignatureVerificationFailed,
];

/** Anything that is not the token's fault is thrown on. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return "time";
  if (error instanceof errors.JWTClaimValidationFailed) return byClaim[error.claim] ?? "malformed";
  if (unsigned.some((kind) => error instanceof kind)) return "signature";
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return "malformed";
  throw error;
}
