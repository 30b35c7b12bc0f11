import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MARK, redactor } from "../../../src/sessions/secrets/redact.ts";
import { base32, encode, inBase64, keyBlock, kinds, toBase64, value } from "./secrets.ts";

const root = join(import.meta.dirname, "../../..");
const patterns = redactor({ known: [] });

/** Ordinary text that ends and begins where a word does. */
const before = fc.tuple(fc.string({ maxLength: 20 }), fc.constantFrom(" ", "\n", '"', "=", "(", "\u001b[32m", "key: "));
const after = fc.tuple(fc.constantFrom(" ", "\n", '"', ")", ";", "\u001b[0m", "&x=1"), fc.string({ maxLength: 20 }));
const around = fc.tuple(before, after).map(([b, a]) => ({ before: b.join(""), after: a.join("") }));

test("CS23: a known value goes, however a tool wrote it, and nothing else goes with it", () => {
  fc.assert(
    fc.property(value, encode, around, (secret, written, { before, after }) => {
      const redacted = redactor({ known: [secret] }).text(before + written(secret) + after);
      expect(redacted).toBe(before + MARK + after);
    }),
    { numRuns: 1000 },
  );
});

test("CS23: a known value goes from base64 at any place in it, in both alphabets, wrapped or not", () => {
  fc.assert(
    fc.property(value, inBase64, around, (secret, how, { before, after }) => {
      const encoded = toBase64(secret, how);
      // By chance, it can look like a token.
      fc.pre(patterns.text(encoded) === encoded);
      const redacted = redactor({ known: [secret] }).text(`${before}${encoded}${after}`);
      const rest = redacted
        .slice(before.length, redacted.length - after.length)
        .replaceAll("\n", "")
        .split(MARK);
      expect(rest).toHaveLength(2);
      // Of the characters that stay, none has a bit of the value; and all stay that have none.
      const sixes = (bytes: number) => (bytes * 8) / 6;
      const end = how.before.length + Buffer.byteLength(secret);
      const right = Math.ceil(sixes(end + how.after.length)) - Math.ceil(sixes(end));
      expect(rest[0]).toHaveLength(Math.floor(sixes(how.before.length)));
      expect(rest[1]?.replace(/=+$/, "")).toHaveLength(right);
    }),
    { numRuns: 1000 },
  );
});

test("CS23: `echo $T`, through base64 or a hex dump, shows nothing of the value", () => {
  const secret = "kJ8vQ2xW9zR4tY7uB1nM5cE3aS6dF0gH";
  const { text } = redactor({ known: [secret] });
  const shell = (command: string) =>
    text(execFileSync("sh", ["-c", command], { env: { PATH: process.env.PATH, T: secret } }).toString());
  expect(shell("echo $T | base64")).toMatch(/^\[redacted\].{0,4}=*\n$/);
  expect(shell("echo $T | od -An -tx1 -v")).toBe(" [redacted]\n 0a\n");
  expect(shell("echo token=$T; echo $T")).toBe("token=[redacted]\n[redacted]\n");
});

test("CS23: a key file that is known goes whole, line by line, and with its line breaks escaped", () => {
  fc.assert(
    fc.property(keyBlock, (block) => {
      const { text } = redactor({ known: [block] });
      expect(text(`key:\n${block}\nend`)).toBe(`key:\n${MARK}\nend`);
      expect(text(JSON.stringify({ key: block }))).toBe(`{"key":"${MARK}"}`);
      const line = block.split("\n")[1] ?? "";
      expect(text(`12: ${line}`)).toBe(`12: ${MARK}`);
    }),
  );
});

test("CS23: a value that is known with escaped line breaks goes with real ones, too", () => {
  const { text } = redactor({ known: ["first secret line\\nsecond secret line"] });
  expect(text("first secret line\nsecond secret line")).toBe(MARK);
  expect(text("second secret line, first secret line")).toBe(`${MARK}, ${MARK}`);
});

const wrappers: Readonly<Record<string, (token: string) => { readonly text: string; readonly redacted: string }>> = {
  plain: (token) => ({ text: `token ${token} was used`, redacted: `token ${MARK} was used` }),
  "JSON in JSONL": (token) => ({
    text: JSON.stringify({ line: JSON.stringify({ out: `\n${token}\n` }) }),
    redacted: JSON.stringify({ line: JSON.stringify({ out: `\n${MARK}\n` }) }),
  }),
  "a colour before it": (token) => ({
    text: `\u001b[1;32m${token}\u001b[0m`,
    redacted: `\u001b[1;32m${MARK}\u001b[0m`,
  }),
  "an escaped colour before it": (token) => ({ text: `"\\u001b[32m${token}"`, redacted: `"\\u001b[32m${MARK}"` }),
  "a URL's query": (token) => ({
    text: `https://a.example/?q=1&t=${token}&z=2`,
    redacted: `https://a.example/?q=1&t=${MARK}&z=2`,
  }),
  "an encoded query": (token) => ({ text: `next=%2Fa%3Ft%3D${token}%26z`, redacted: `next=%2Fa%3Ft%3D${MARK}%26z` }),
  "a line of a diff": (token) => ({
    text: `@@ -1 +1 @@\n-A=\n+A=${token}\n`,
    redacted: `@@ -1 +1 @@\n-A=\n+A=${MARK}\n`,
  }),
  "the first in a line of a diff": (token) => ({ text: `+${token}\n`, redacted: `+${MARK}\n` }),
  "the end of a sentence": (token) => ({ text: `It is "${token}".`, redacted: `It is "${MARK}".` }),
};

test.each(Object.entries(kinds))("CS23: %s go by their form alone, wherever they stand", (_, token) => {
  for (const wrap of Object.values(wrappers)) {
    fc.assert(
      fc.property(token, (made) => {
        const { text, redacted } = wrap(made);
        expect(patterns.text(text)).toBe(redacted);
      }),
      { numRuns: 30 },
    );
  }
});

test("CS23: blocks of private keys go, whole, escaped, with line numbers, and cut off", () => {
  fc.assert(
    fc.property(keyBlock, (block) => {
      expect(patterns.text(`cat key\n${block}\n$ `)).toBe(`cat key\n${MARK}\n$ `);
      expect(patterns.text(JSON.stringify({ key: block }))).toBe(`{"key":"${MARK}"}`);
      const numbered = block.split("\n").map((line, n) => `${n + 1}\t${line}`);
      expect(patterns.text(numbered.join("\n"))).toBe(`1\t${MARK}`);
      const cut = block.split("\n").slice(0, -1).join("\n");
      expect(patterns.text(`${cut}\n\n$ ls`)).toBe(`${MARK}\n\n$ ls`);
    }),
  );
});

const awsSecret = fc.uint8Array({ minLength: 30, maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString("base64"));

test("CS23: an AWS secret goes where its name stands before it", () => {
  fc.assert(
    fc.property(awsSecret, (secret) => {
      for (const [open, close] of [
        ["AWS_SECRET_ACCESS_KEY=", ""],
        ["aws_secret_access_key = ", "\nregion = x"],
        ['"SecretAccessKey": "', '", '],
        ['{\\"secretAccessKey\\":\\"', '\\"}'],
        ["aws configure set aws_secret_access_key ", "\n"],
      ]) {
        expect(patterns.text(`${open}${secret}${close}`)).toBe(`${open}${MARK}${close}`);
      }
    }),
  );
});

test("CS23: what stands in Authorization headers and as a URL's password goes", () => {
  const basic = Buffer.from("x-access-token:abcdefgh").toString("base64");
  const lines: readonly (readonly [string, string, string])[] = [
    ["Authorization: Bearer ", "abcdef0123456789", ""],
    ['-H "authorization: token ', "0123456789abcdef0123456789abcdef01234567", '"'],
    ["\textraheader = AUTHORIZATION: basic ", basic, "\n"],
    ['{"Authorization":"Basic ', basic, '"}'],
    ["postgres://app:", "s3cr3t-pass", "@db.internal:5432/app"],
    ["redis://:", "hunter2hunter2", "@cache"],
    ["git clone https://someone:", "p%40ssword", "@git.example/a.git"],
  ];
  for (const [open, secret, close] of lines) expect(patterns.text(open + secret + close)).toBe(open + MARK + close);
});

const hexText = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const bytes = fc.uint8Array({ minLength: 16, maxLength: 3000 }).map((array) => Buffer.from(array));

const ordinary: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "commit ids": hexText(40),
  "hashes of 64 digits": hexText(64),
  UUIDs: fc.uuid(),
  ULIDs: fc.ulid(),
  "integrity hashes": fc
    .uint8Array({ minLength: 64, maxLength: 64 })
    .map((b) => `sha512-${Buffer.from(b).toString("base64")}`),
  "images in base64": bytes.map((b) => `data:image/png;base64,${b.toString("base64")}`),
  "data in base64url": bytes.map((b) => b.toString("base64url")),
  "hex dumps": bytes.map((b) => b.toString("hex").replace(/../g, "$& ")),
  "words in base 32": fc.string({ unit: fc.constantFrom(...base32), minLength: 20, maxLength: 200 }),
  "any text": fc.string({ unit: "binary", maxLength: 300 }),
};

test.each(Object.entries(ordinary))("CS23: %s stay as they are", (_, text) => {
  const { text: redact } = redactor({ known: ["kJ8vQ2xW9zR4tY7uB1nM5cE3aS6dF0gH", "correct horse battery"] });
  fc.assert(
    fc.property(text, (made) => {
      for (const line of [made, `id=${made}`, `"${made}",`, `${made}\n${made}`]) expect(redact(line)).toBe(line);
    }),
    { numRuns: 300 },
  );
});

test("CS23: code, settings and prose that only sound secret stay as they are", () => {
  const text = readFileSync(join(import.meta.dirname, "ordinary.txt"), "utf8");
  expect(patterns.text(text)).toBe(text);
});

test.each([
  "package-lock.json",
  "biome.json",
  "docs/architecture.md",
  "src/sessions/git/repository.ts",
  "src/sessions/secrets/secret-patterns.ts",
  "node_modules/idiomorph/dist/idiomorph.min.js",
  "node_modules/marked/lib/marked.umd.js",
  "node_modules/typescript/package.json",
])("CS23: %s stays as it is", (file) => {
  const text = readFileSync(join(root, file), "utf8");
  const { text: redact } = redactor({ known: ["kJ8vQ2xW9zR4tY7uB1nM5cE3aS6dF0gH"] });
  expect(redact(text)).toBe(text);
});

const mixed = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.constantFrom("\n", " ", MARK, "[red", "acted]", "\\", "%", "://a:b", "@", "Authorization: Bearer "),
      ...Object.values(kinds),
      keyBlock,
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

test("CS23: redacting twice changes nothing, whatever the text and the values are", () => {
  const odd = fc.constantFrom("redacted", MARK, "acted]kept", "cted][red", "a secret [redacted] one");
  fc.assert(
    fc.property(mixed, fc.array(fc.oneof(value, odd), { maxLength: 4 }), (text, known) => {
      const { text: redact } = redactor({ known });
      const once = redact(known.join("") + text + known.join(" "));
      expect(redact(once)).toBe(once);
    }),
    { numRuns: 1000 },
  );
});

test("CS23: in JSON every string is redacted, names too, and the rest is left alone", () => {
  const { json } = redactor({ known: ["open sesame!"] });
  const given = {
    count: 3,
    none: null,
    deep: [{ text: "say open sesame! now", "open sesame!": true }],
    arguments: JSON.stringify({ command: 'echo "open\u0020sesame!"' }),
  };
  expect(json(given)).toEqual({
    count: 3,
    none: null,
    deep: [{ text: "say [redacted] now", "[redacted]": true }],
    arguments: '{"command":"echo \\"[redacted]\\""}',
  });
});

test("values of fewer than 8 characters are not looked for", () => {
  expect(redactor({ known: ["1234567", ""] }).text("1234567")).toBe("1234567");
  expect(redactor({ known: ["12345678"] }).text("12345678")).toBe(MARK);
});

/** Texts that make a careless matcher go back over what it read. */
const hostile = [
  "a",
  "0",
  "eyJ",
  "eyJaaaaaaaaa.",
  "://",
  "://a:",
  "\\",
  "%25",
  "0x",
  "[0;",
  "\n",
  "ghs_1_eyJaaaa",
  "xoxb-1-",
  "sk-ant-",
  "authorization: basic ",
  "-----BEGIN PRIVATE KEY-----\n",
  "-----END PRIVATE KEY-----",
];

test.each(hostile)("a megabyte of %j passes in one go", (part) => {
  const { text } = redactor({ known: ["aaaaaaaaaaaaaaaaaaaaaaab", "kJ8vQ2xW9zR4tY7uB1nM5cE3aS6dF0gH"] });
  const long = part.repeat(2 ** 20 / part.length);
  expect(text(`${long}\nkJ8vQ2xW9zR4tY7uB1nM5cE3aS6dF0gH`).endsWith(`\n${MARK}`)).toBe(true);
});

test("CS23: a value that looks escaped itself goes in its encodings, too", () => {
  const secret = "%00   \\r !";
  const { text } = redactor({ known: [secret] });
  expect(text(` ${encodeURIComponent(secret)} `)).toBe(" [redacted] ");
  expect(text(JSON.stringify(secret))).toBe('"[redacted]"');
});
