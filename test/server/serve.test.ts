import { parseEnv } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { asEnvFile, readSettings } from "../../src/server/settings.ts";
import { setUp } from "../../src/server/setup.ts";
import { openWithMain } from "../playground/github-fixture.ts";

const pem = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n";

test("what is set of an App is taken, none is set up, and half of it is named", () => {
  const made = { APP_ID: "7", PRIVATE_KEY: pem, WEBHOOK_SECRET: "s" };
  const settings = { host: "localhost", port: 3000, url: null, isMade: true };
  expect(readSettings(made)).toMatchObject({ ok: true, settings });
  expect(readSettings({ GHE_HOST: "git.example" })).toMatchObject({
    settings: { isMade: false, github: { server: "https://git.example", api: "https://git.example/api/v3" } },
  });
  const problems = [
    { APP_ID: "7", PRIVATE_KEY_PATH: "app.pem" },
    { PORT: "http" },
    { OFFSHOOT_URL: "offshoot.example.com" },
  ].map((env) => {
    const read = readSettings(env);
    return read.ok ? null : `${read.problem} ${read.remedy}`;
  });
  expect(problems).toMatchInlineSnapshot(`
    [
      "Set are APP_ID and PRIVATE_KEY or PRIVATE_KEY_PATH, but not WEBHOOK_SECRET. They belong together: take all from the App's settings on GitHub, or unset all to make a new App.",
      "PORT is "http", which is no port. Set it to a number from 1 to 65535.",
      "OFFSHOOT_URL is "offshoot.example.com", which is no address. Set it to https://… as GitHub reaches the app.",
    ]
  `);
});

test("the App is made with one click: a form with the manifest, GitHub's way back, credentials to start with", async () => {
  const { github } = await openWithMain();
  const { world } = github;
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const listening = Promise.withResolvers<string>();
  const made = setUp({
    ...{ host: "127.0.0.1", port: 0, url: null, signal: stop.signal },
    github: { server: world.url, api: `${world.url}/api/v3` },
    onListening: listening.resolve,
  });
  const address = (await listening.promise).replace("localhost", "127.0.0.1");
  const page = await (await fetch(address)).text();
  const [, action = ""] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
  const [, value = ""] = /name="manifest" value="([^"]+)"/.exec(page) ?? [];
  const manifest = value.replaceAll("&quot;", '"');
  expect(JSON.parse(manifest)).toEqual({
    name: "Offshoot",
    url: "https://github.com/offshoot/offshoot",
    description: "Durable sessions of a coding agent, opened by comments that begin with /agent.",
    public: false,
    hook_attributes: { url: `${new URL(address).origin}/api/github/webhooks`, active: true },
    redirect_url: `${address}/done`,
    default_permissions: {
      ...{ actions: "write", contents: "write", issues: "write", pull_requests: "write", metadata: "read" },
    },
    default_events: ["issue_comment", "issues", "workflow_run"],
  });
  const forOrganization = await (await fetch(`${address}?organization=octo`)).text();
  expect(forOrganization).toContain(`action="${world.url}/organizations/octo/settings/apps/new?state=`);

  const sent = await fetch(action, { method: "POST", body: new URLSearchParams({ manifest }), redirect: "manual" });
  const back = sent.headers.get("location") ?? "";
  expect((await fetch(back.replace(/state=\w+/, "state=forged"))).status).toBe(403);
  expect(
    await (await fetch(`${address}/done?state=${new URL(back).searchParams.get("state")}&code=old`)).text(),
  ).toContain("GitHub gave no credentials for this code (HTTP 404). It is good once, for an hour.");
  expect(await (await fetch(back)).text()).toContain("The app is at work.");

  const credentials = await made;
  expect(credentials).toMatchObject({ appId: world.ids.app, webhookSecret: world.app.webhookSecret });
  expect(parseEnv(credentials ? asEnvFile(credentials) : "")).toEqual({
    ...{ APP_ID: String(world.ids.app), PRIVATE_KEY: world.app.privateKey.trim() },
    WEBHOOK_SECRET: world.app.webhookSecret,
  });
});
