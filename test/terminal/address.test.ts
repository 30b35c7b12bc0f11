import { expect, test } from "vitest";
import { absolute, hostOf } from "../../src/terminal/address.ts";

test.each([
  ["https://github.com/octo/sample.git", "github.com"],
  ["https://ada:secret@GitHub.com:443/octo/sample", "github.com"],
  ["git@github.com:octo/sample.git", "github.com"],
  ["ssh://git@ssh.github.com:443/octo/sample.git", "ssh.github.com"],
  ["https://gitlab.com/joe/joe.github.io", "gitlab.com"],
  ["git@gitlab.com:github.com/mirror.git", "gitlab.com"],
  ["https://git/octo/sample", "git"],
  ["/srv/github.com/sample.git", "localhost"],
  ["../sample.git", "localhost"],
  ["file:///srv/sample.git", "localhost"],
  ["git@github-work:octo/sample.git", null],
  ["ssh://work/octo/sample.git", null],
  ["codecommit::eu-west-1://sample", null],
])("the server of %s is %s", (address, host) => {
  expect(hostOf(address)).toBe(host);
});

test("a folder is taken from the top of the work tree, an address on a server stays", () => {
  expect(absolute("../sample.git", "/home/ada/clone")).toBe("/home/ada/sample.git");
  expect(absolute("/srv/sample.git", "/home/ada/clone")).toBe("/srv/sample.git");
  expect(absolute("git@github.com:octo/sample.git", "/home/ada/clone")).toBe("git@github.com:octo/sample.git");
});
