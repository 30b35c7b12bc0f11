import { expect, test } from "vitest";
import { type Attempt, lost, redeliverer } from "../../src/server/deliveries.ts";
import { appJwt, client, openWithMain } from "../playground/github-fixture.ts";

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 27, 0, minutes));
const attempt = (id: number, guid: string, minutes: number, arrived = false): Attempt => {
  return { id, guid, at: at(minutes), arrived };
};

test("what never arrived is asked for again, oldest first; what arrived in the end is not", () => {
  const attempts = [attempt(3, "c", 3), attempt(1, "a", 1), attempt(2, "b", 2), attempt(4, "b", 4, true)];
  expect(lost(attempts, at(10)).map(({ id }) => id)).toEqual([1, 3]);
});

test("each attempt is given more time than the one before; after five, or three days, a person has to look", () => {
  const again = (times: number, minutes: number) =>
    lost(
      Array.from({ length: times }, (_, index) => attempt(index, "a", 0)),
      at(minutes),
    ).length;
  expect([again(1, 0), again(2, 0), again(2, 1), again(3, 1), again(3, 2), again(5, 60)]).toEqual([1, 0, 1, 0, 1, 0]);
  expect(again(1, 3 * 24 * 60)).toBe(0);
});

test("the log of deliveries is read once to its end, then only what is new; a delivery is asked for again once", async () => {
  const { github } = await openWithMain();
  const { world, requests } = github;
  const redelivered: number[] = [];
  world.bus.on("redelivery", ({ id }) => redelivered.push(id));
  const deliver = (guid: string, status: number) => {
    const id = world.nextId();
    const sent = { id, guid, event: "issue_comment", action: "created", payload: {}, redelivery: false };
    world.deliveries.set(String(id), { ...sent, at: new Date(Date.now() - 60_000), status });
    return id;
  };
  for (let index = 0; index < 150; index++) deliver(`old-${index}`, 200);
  const missed = deliver("missed", 0);
  const app = client(github, await appJwt(github, { issuer: String(world.ids.app) }));
  const look = redeliverer({ app: async () => app, now: () => new Date() });
  const pages = async (work: () => Promise<unknown>) => {
    const from = requests.length;
    await work();
    return requests.slice(from).filter(({ path }) => path === "/app/hook/deliveries").length;
  };
  expect(await pages(look)).toBe(2);
  expect(redelivered).toEqual([missed]);
  deliver("missed", 200);
  const late = deliver("late", 503);
  expect(await pages(look)).toBe(1);
  expect(redelivered).toEqual([missed, late]);
});
