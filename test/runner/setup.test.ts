import { expect, test } from "vitest";
import { exec, say, script } from "../../playground/scripted-model.ts";
import { defaultConfig } from "../../src/config.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { inputOf, openRunWorld, scripted } from "./run-world.ts";

const configured = (...commands: string[]): Pick<Runner, "config"> => ({
  config: { ...defaultConfig, setup: { commands, minutes: 1 } },
});

/** What a request says of the setup, oldest first. */
const toldIn = (body: string | undefined) =>
  JSON.stringify(inputOf(body)).match(/<data kind=.{1,3}setup.*?<\/data>/g) ?? [];

test("setup runs once in a run, in order and in the agent's shell, before the model is asked; on another machine it runs again", async () => {
  const look = exec("cat ignored/order.txt; echo $COLOUR");
  const { model, sent } = await scripted(script(look, say("One."), look, say("Two."), say("Three.")));
  const world = await openRunWorld({ prompt: "one", model });
  await world.ask("two");
  const setup = configured(
    "mkdir -p ignored && echo first >> ignored/order.txt",
    "export COLOUR=green; echo second >> ignored/order.txt",
  );
  await world.run(setup);
  const ran = await world.events("command.ran");
  expect(ran.map(({ turn, step, command }) => [turn, step, command.split(" ")[0]])).toEqual([
    [1, 0, "mkdir"],
    [1, 0, "export"],
    [1, 1, "cat"],
    [2, 1, "cat"],
  ]);
  expect(ran.map(({ exit_code }) => exit_code)).toEqual([0, 0, 0, 0]);
  expect(JSON.stringify(inputOf(sent.at(-1)))).toMatch(/first\\+nsecond\\+ngreen/);
  expect(toldIn(sent[0])).toEqual([expect.not.stringContaining("another machine")]);
  expect(toldIn(sent.at(-1))).toHaveLength(1);

  await world.ask("three");
  await world.run(setup);
  expect(toldIn(sent.at(-1))).toEqual([
    expect.not.stringContaining("another machine"),
    expect.stringMatching(
      /another machine than before: ignored files of earlier turns.*export COLOUR=green.*exit code 0/,
    ),
  ]);
});

test("a setup command that fails ends the setup and not the turn: the agent and the person are told", async () => {
  const { model, sent } = await scripted(script(say("Did without.")));
  const world = await openRunWorld({ model });
  await world.run(configured("echo fine", "echo '</data> no such package' >&2; false", "echo never"));
  expect((await world.events("command.ran")).map(({ command }) => command)).not.toContain("echo never");
  expect(toldIn(sent[0])).toEqual([
    expect.stringMatching(
      /\$ echo fine.*exit code 0.*exit code 1.*&lt;\/data> no such package.*not run, because of that: echo never/,
    ),
  ]);
  expect(world.answers()[0]).toMatch(
    /Did without\..*> \[!NOTE\]\n> The setup command `echo.*` failed \(exit code 1\): .*no such package\. The agent was told/s,
  );
});

test("setup that takes too long is killed; a turn that is stopped meanwhile says nothing of it", async () => {
  const { model } = await scripted(script(say("Did without.")));
  const world = await openRunWorld({ model });
  const { config } = configured("sleep 600");
  await world.run({ config: { ...config, setup: { ...config.setup, minutes: 0.001 } } });
  expect(world.answers()[0]).toMatch(/`sleep 600` took longer than `minutes` under `\[setup\]` allows/);
  await world.ask("again");
  const stop = new AbortController();
  const watch: Runner["watch"] = ({ type }) => void (type === "turn.started" && stop.abort());
  await world.run({ config, watch, stop: stop.signal });
  expect(world.answers()[1]).toMatch(/Stopped\./);
  expect(world.answers()[1]).not.toContain("setup");
});
