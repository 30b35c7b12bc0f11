import { permissions } from "./app-manifest.ts";
import { type Finding, ok, problem, unknown } from "./finding.ts";
import type { Facts } from "./repository.ts";

/** What GitHub does not give to every App. */
const needed = Object.entries(permissions).filter(([, { access }]) => access === "write");

/** Whether an app of ours is installed, as far as a person's token sees that. */
export function checkInstallation({ installations, repository }: Facts): Finding {
  const page = `${repository.web}/settings/installations`;
  const why = "With the app, it is the app that hears of comments and asks for runs.";
  if (!installations.known) {
    const what = `Whether the app is installed is not known: ${installations.why}.`;
    return unknown("app", { what, why, remedy: `Look at ${page}.` });
  }
  const ours = installations.value.find(({ slug }) => slug.includes("offshoot"));
  if (!ours) {
    const [other] = installations.value;
    if (other) {
      const what = "No installed app has offshoot in its name; it may be one of the others.";
      return unknown("app", { what, why, remedy: `Look at ${page}.` });
    }
    return problem("app", {
      what: "The app is not installed.",
      why,
      remedy: "Install it from its page on GitHub, for this repository.",
    });
  }
  if (ours.suspended) {
    return problem("app", { what: `The app ${ours.slug} is suspended.`, why, remedy: `Lift that at ${page}.` });
  }
  const missing = needed.filter(([name, { access }]) => ours.permissions[name] !== access);
  if (missing.length > 0) {
    return problem("app", {
      what: `The app ${ours.slug} lacks ${missing.map(([name, { access }]) => `${name}: ${access}`).join(", ")}.`,
      why: "It cannot write journals, answer, or ask for runs without them.",
      remedy: `Grant them in the app's settings, and accept the change at ${page}.`,
    });
  }
  return ok("app", `The app ${ours.slug} is installed.`);
}
