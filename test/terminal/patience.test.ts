import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { patiently } from "../../src/terminal/patience.ts";
import { collector } from "./reading-world.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what takes long is told in one line that goes again", async () => {
  const { stream: stderr, text } = collector({ isTTY: true });
  const slow = Promise.withResolvers<number>();
  let tell: (more: string) => void = () => undefined;
  const done = patiently({ stderr }, "reading journals", (told) => {
    tell = told;
    return slow.promise;
  });
  tell("1 of 3");
  vi.advanceTimersByTime(999);
  expect(text()).toBe("");
  vi.advanceTimersByTime(1);
  tell("2 of 3");
  slow.resolve(7);
  expect(await done).toBe(7);
  expect(text().replaceAll("\r\u001b[K", "|")).toBe("|reading journals (1 of 3) …|reading journals (2 of 3) …|");
});

test("nothing is said of what is quick, nor to a file", async () => {
  const [quick, file] = [collector({ isTTY: true }), collector()];
  await patiently({ stderr: quick.stream }, "reading", async () => undefined);
  const slow = Promise.withResolvers<void>();
  const done = patiently({ stderr: file.stream }, "reading", () => slow.promise);
  vi.advanceTimersByTime(10_000);
  slow.resolve();
  await done;
  vi.advanceTimersByTime(10_000);
  expect(quick.text() + file.text()).toBe("");
});
