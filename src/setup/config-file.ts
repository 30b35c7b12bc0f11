export const configPath = ".github/offshoot.toml";

const schemaUrl = "https://raw.githubusercontent.com/offshoot/offshoot/v1/docs/schemas/offshoot.schema.json";

export interface ConfigChoices {
  /** `provider:model[@effort]` */
  readonly model: string;
  /** Another provider than OpenAI. */
  readonly provider: { readonly name: string; readonly baseUrl: string; readonly key: string } | null;
}

/** `.github/offshoot.toml` with what was chosen, and every other setting as a comment, with what holds without it. */
export function writeConfig({ model, provider }: ConfigChoices): string {
  return `#:schema ${schemaUrl}

# How Offshoot works in this repository. It is read from the default branch alone, anew at every run.
# What is behind a # is what holds anyway; take the # away to change it.

[model]
# provider:model, or with an effort provider:model@high. The variable OFFSHOOT_MODEL goes before it.
default = ${JSON.stringify(model)}

${providerSection(provider)}
# What a million tokens cost, in US dollars: needed for budgets in dollars. There are no prices built in.
# [models."${model.replace(/@.*$/, "")}"]
# input = 1.25
# cached = 0.125
# output = 10.0

# The most that one turn may take; it ends there, says so, and keeps what it has done.
[limits]
# steps = 100            # replies of the model with their tool calls
# minutes = 60
# command_seconds = 600  # of a single command

# Tokens (in and out) and US dollars. Only a turn has a limit of its own accord; the other numbers are examples.
[budgets.turn]
# tokens = 2_000_000
# usd = 5.0

[budgets.session]
# tokens = 20_000_000
# usd = 50.0

# A session, with all that descend from it.
[budgets.tree]
# tokens = 50_000_000
# usd = 100.0

# All sessions of the repository on one day, by UTC.
[budgets.day]
# tokens = 100_000_000
# usd = 200.0

[permissions]
# The access that somebody needs to be heard: "write", "maintain" or "admin".
# trigger = "write"

# Commands that the agent's shell runs before a run's first turn, such as ["npm ci"]. What belongs to the machine (tools,
# caches) goes between "# setup" and "# /setup" in workflows/offshoot.yml.
[setup]
# commands = []
# minutes = 10

[shells]
# Terminals for interactive programs, beside the agent's shells.
# terminal = false

# Tokens that the models in use take at once, and the share of them that is left full after a compaction.
[compaction]
# window = 200_000
# target = 0.25

[triggers]
# The label that opens a session on an issue.
# label = "agent"

[journal]
# What the journal shows of reasoning, tool output and shell environments: "full", "sealed" (encrypted with the secret
# OFFSHOOT_JOURNAL_KEY) or "summary". Left out: "full" in a private repository; in a public one "sealed" where there is the
# key, else "summary".
# visibility = "sealed"
`;
}

function providerSection(provider: ConfigChoices["provider"]): string {
  if (provider) {
    return `# key is the name of the secret that holds the key; workflows/offshoot.yml passes it on. api: "responses" or "chat".
[providers.${provider.name}]
base_url = ${JSON.stringify(provider.baseUrl)}
key = ${JSON.stringify(provider.key)}
api = "chat"
`;
  }
  return `# Another server that speaks OpenAI's API ("responses" or "chat"). key is the name of the secret that holds its key; run
# \`offshoot init\` again after a change here, so that the workflow passes it on.
# [providers.example]
# base_url = "https://models.example.com/v1"
# key = "EXAMPLE_API_KEY"
# api = "chat"
`;
}
