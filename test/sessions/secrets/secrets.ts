import fc from "fast-check";

/** Text of characters that a token may have; never written out, so that no scanner takes a test for a leak. */
function ofLength(
  length: number,
  alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length });
}

const base64url = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString("base64url"));
const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
export const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const digits = "0123456789";

const jwt = fc
  .tuple(fc.string(), base64url(32))
  .map(([sub, mark]) => `${segment({ alg: "HS256", typ: "JWT" })}.${segment({ sub })}.${mark}`);

export const keyBlock = fc
  .tuple(fc.constantFrom("RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""), fc.uint8Array({ minLength: 60, maxLength: 900 }))
  .map(([kind, bytes]) => {
    const lines =
      Buffer.from(bytes)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return [`-----BEGIN ${kind}PRIVATE KEY-----`, ...lines, `-----END ${kind}PRIVATE KEY-----`].join("\n");
  });

/** Made-up tokens of every kind that is known by its form. */
export const kinds: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "GitHub's classic tokens": fc
    .tuple(fc.constantFrom("p", "o", "u", "s", "r"), ofLength(36))
    .map(([k, t]) => `gh${k}_${t}`),
  "GitHub's fine-grained tokens": fc.tuple(ofLength(22), ofLength(59)).map(([a, b]) => `github_pat_${a}_${b}`),
  "GitHub's long installation tokens": fc.tuple(ofLength(7, digits), jwt).map(([app, token]) => `ghs_${app}_${token}`),
  "GitLab's tokens": base64url(15).map((t) => `glpat-${t}`),
  "OpenAI's project keys": base64url(96).map((t) => `sk-proj-${t}`),
  "OpenAI's older keys": ofLength(48).map((t) => `sk-${t}`),
  "Anthropic's keys": base64url(70).map((t) => `sk-ant-api03-${t}`),
  "the ids of AWS keys": fc.tuple(fc.constantFrom("AKIA", "ASIA"), ofLength(16, base32)).map((p) => p.join("")),
  "Google's API keys": base64url(27).map((t) => `AIza${t.slice(0, 35)}`),
  "Slack's bot tokens": fc.tuple(ofLength(12, digits), ofLength(24)).map(([n, t]) => `xoxb-${n}-${n}-${t}`),
  "Slack's app tokens": fc.tuple(ofLength(11, base32), ofLength(64)).map(([n, t]) => `xapp-1-${n}-1234567890-${t}`),
  "Stripe's keys": fc.tuple(fc.constantFrom("sk_live_", "rk_live_", "sk_test_"), ofLength(24)).map((p) => p.join("")),
  "npm's tokens": ofLength(36).map((t) => `npm_${t}`),
  "PyPI's tokens": base64url(100).map((t) => `pypi-AgEIcHlwaS5vcmc${t}`),
  "Hugging Face's tokens": ofLength(34).map((t) => `hf_${t}`),
  "Docker's tokens": base64url(20).map((t) => `dckr_pat_${t}`),
  "SendGrid's keys": fc.tuple(ofLength(22), ofLength(43)).map(([a, b]) => `SG.${a}.${b}`),
  "DigitalOcean's tokens": ofLength(64, "0123456789abcdef").map((t) => `dop_v1_${t}`),
  "Vault's tokens": base64url(70).map((t) => `hvs.${t}`),
  "age's keys": ofLength(58, base32).map((t) => `AGE-SECRET-KEY-1${t}`),
  JWTs: jwt,
};

/**
 * A value that a program might hold as a secret: any characters, but blanks and backslashes at its ends, of which an
 * escaped one may stay.
 */
export const value = fc
  .oneof(
    fc.string({ minLength: 8, maxLength: 60 }),
    fc.string({ unit: "binary", minLength: 8, maxLength: 30 }),
    base64url(24),
    fc.uuid(),
  )
  .map((text) => text.replace(/^[\s\\]+|[\s\\]+$/g, ""))
  .filter((text) => text.length >= 8 && new Set(text).size >= 6 && !text.includes("\0"));

/** One way in which a tool may write a value. */
export type Encode = (value: string) => string;

const mask = fc.infiniteStream(fc.boolean());

const percent: fc.Arbitrary<Encode> = fc.tuple(mask, fc.boolean(), fc.boolean()).map(
  ([choose, lower, every]) =>
    (text) =>
      Array.from(text, (character) => {
        if (!every && /[\w.~]/.test(character) && !choose.next().value) return character;
        const encoded = Buffer.from(character).toString("hex").replace(/../g, "%$&");
        return lower ? encoded : encoded.toUpperCase();
      }).join(""),
);

const unicodeEscapes: fc.Arbitrary<Encode> = mask.map(
  (choose) => (text) =>
    text
      .split("")
      .map((unit) =>
        choose.next().value
          ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
          : JSON.stringify(unit).slice(1, -1),
      )
      .join(""),
);

const wrapped = (text: string, width: number) => text.replace(new RegExp(`.{${width}}`, "g"), "$&\n");

const digitPairs: fc.Arbitrary<Encode> = fc
  .tuple(fc.boolean(), fc.constantFrom("", "", " ", ":", "\\x", ", 0x"))
  .map(([upper, between]) => (text) => {
    const plain = Buffer.from(text).toString("hex");
    return (upper ? plain.toUpperCase() : plain).match(/../g)?.join(between) ?? "";
  });

const quoted: Encode = (text) => JSON.stringify(text).slice(1, -1);

/** Encodings that leave nothing of what is around the value in them. */
export const encode: fc.Arbitrary<Encode> = fc.oneof(
  fc.constant<Encode>((text) => text),
  fc.constant<Encode>(encodeURIComponent),
  percent,
  fc.constant<Encode>((text) => encodeURIComponent(encodeURIComponent(text))),
  fc.constant<Encode>(quoted),
  fc.constant<Encode>((text) => quoted(quoted(text))),
  unicodeEscapes,
  digitPairs,
  fc.constant<Encode>((text) => wrapped(Buffer.from(text).toString("hex"), 60).trimEnd()),
);

/** Base64 of the value with bytes before and after it. */
export interface InBase64 {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly alphabet: "base64" | "base64url";
  /** 0: not wrapped. */
  readonly width: number;
}

export const inBase64: fc.Arbitrary<InBase64> = fc.record({
  before: fc.uint8Array({ maxLength: 70 }),
  after: fc.uint8Array({ maxLength: 70 }),
  alphabet: fc.constantFrom("base64", "base64url"),
  width: fc.constantFrom(0, 0, 64, 76),
});

export function toBase64(value: string, { before, after, alphabet, width }: InBase64): string {
  const text = Buffer.concat([before, Buffer.from(value), after]).toString(alphabet);
  return width === 0 ? text : wrapped(text, width).trimEnd();
}
