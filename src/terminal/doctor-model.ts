import { OpenAI } from "openai";
import type { Provider } from "../config.ts";
import { formatModelRef } from "../runner/model.ts";
import { explain, hasNoSuchPath } from "../runner/openai-errors.ts";
import { type Finding, ok, problem, unknown } from "../setup/finding.ts";
import type { ChosenModel } from "./chosen-model.ts";
import type { Terminal } from "./terminal.ts";

interface Asking extends ChosenModel {
  /** The server that a variable of the repository names. A key is sent there only if the person says so, too. */
  readonly otherServer: string | undefined;
}

/** The least that every server takes. */
const mostTokens = 16;
const patienceMs = 60_000;

/** Asks the model for a word, where its key is at hand. It costs as much as a few words do. */
export async function checkModel({ env }: Terminal, { ref, provider, otherServer }: Asking): Promise<Finding> {
  const apiKey = env[provider.key];
  const name = formatModelRef(ref);
  if (!apiKey) {
    return unknown("model", {
      what: `Whether ${name} answers is not known: ${provider.key} is not set here.`,
      why: "A secret of the repository cannot be read, so the model is asked only where the key is at hand.",
      remedy: `Run again with ${provider.key} in the environment: one request of at most ${mostTokens} tokens, which costs.`,
    });
  }
  if (otherServer && !env.OPENAI_BASE_URL) {
    return unknown("model", {
      what: `Whether ${name} answers is not known: the variable OPENAI_BASE_URL names another server.`,
      why: "Your key is not sent to a server that you did not name yourself.",
      remedy: `If ${otherServer} may have it, run again with OPENAI_BASE_URL set to that.`,
    });
  }
  const baseURL = (ref.provider === "openai" && env.OPENAI_BASE_URL) || provider.baseUrl;
  const ownEnvironment = { organization: null, project: null, adminAPIKey: null, webhookSecret: null };
  const options = { apiKey, baseURL, maxRetries: 0, timeout: patienceMs, logLevel: "off" as const };
  try {
    await ask(new OpenAI({ ...options, ...ownEnvironment }), ref.model, provider.api);
    return ok("model", `${name} answers (asked for at most ${mostTokens} tokens, which costs).`);
  } catch (thrown) {
    const callee = {
      ref,
      host: URL.canParse(baseURL) ? new URL(baseURL).host : baseURL,
      keyName: provider.key,
      key: apiKey,
    };
    const { message, remedy } = explain(thrown, callee);
    return problem("model", {
      what: message,
      why: `${name} was asked with ${provider.key} of this environment.`,
      remedy,
    });
  }
}

async function ask(client: OpenAI, model: string, api: Provider["api"]): Promise<void> {
  const word = "Answer with one word.";
  try {
    if (api === "responses") {
      await client.responses.create({ model, input: word, max_output_tokens: mostTokens, store: false });
      return;
    }
  } catch (thrown) {
    if (!hasNoSuchPath(thrown)) throw thrown;
  }
  await client.chat.completions.create({
    ...{ model, messages: [{ role: "user", content: word }] },
    max_completion_tokens: mostTokens,
  });
}
