import { expect, test } from "vitest";
import { secretsIn } from "../../src/runner/secrets.ts";

test("CS23: a variable is secret by its name or because a provider's key is in it, and too short a value is none", () => {
  const env = {
    DEPLOY_TOKEN: "deploy-token-value",
    MY_API_KEY: "my-api-key-value",
    TEAM: "key-of-the-provider",
    DB_PASSWORD: "short",
    GIT_CONFIG_KEY_0: "core.hooksPath",
    KEYBOARD: "a-keyboard-layout",
    PATH: "/usr/local/bin:/usr/bin",
    UNSET_TOKEN: undefined,
    SAME_SECRET: "deploy-token-value",
  };
  expect(secretsIn(env, ["TEAM"])).toEqual(["deploy-token-value", "my-api-key-value", "key-of-the-provider"]);
});
