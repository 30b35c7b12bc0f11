/** Names of variables that hold what must not be written anywhere. */
const secretName =
  /(^|_)(TOKEN|SECRET|SECRETS|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|KEY)(_|$)/i;

/** Shorter ones would be found everywhere. */
const shortest = 8;

/** The values of an environment that are secrets by their variables' names, or because `named` says so. */
export function secretsIn(
  env: Readonly<Record<string, string | undefined>>,
  named: readonly string[],
): readonly string[] {
  const secrets = Object.entries(env).flatMap(([name, value]) => {
    const isSecret = named.includes(name) || (secretName.test(name) && !name.startsWith("GIT_CONFIG_"));
    return isSecret && value && value.length >= shortest ? [value] : [];
  });
  return [...new Set(secrets)];
}
