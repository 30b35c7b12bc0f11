import { Agent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as SecureAgent } from "node:https";
import { buffer } from "node:stream/consumers";
import type { CommitId } from "../../ids.ts";
import { type RefUpdate, StoreError } from "../../store.ts";
import { parseRefs } from "../output.ts";
import type { Objects } from "./objects.ts";
import { readPack, writePack } from "./pack.ts";
import { band, delimiter, flush, lineOf, type Packet, packet, packetsIn } from "./pkt-line.ts";

/** A git server over HTTP, asked without git: https://git-scm.com/docs/http-protocol, https://git-scm.com/docs/protocol-v2 */
export interface SmartHttp {
  /** The refs that have these names. */
  refs(names: readonly string[]): Promise<ReadonlyMap<string, CommitId>>;
  /** Objects of a commit and of those before it. */
  fetch(wanted: Wanted): Promise<Fetched>;
  /** Moves refs all at once, each only from where it was read; gives those that the server did not move, and why. */
  push(updates: readonly RefUpdate[], objects: Objects): Promise<Pushed>;
}

export interface Wanted {
  readonly commit: CommitId;
  /** So many commits; without it all that come after `have`. */
  readonly depth?: number | undefined;
  /** What is here already, with everything before it up to the `shallow` ones. */
  readonly have?: CommitId | undefined;
  readonly shallow: readonly CommitId[];
}

export interface Fetched {
  readonly objects: Objects;
  /** Commits whose parents are not sent along. */
  readonly shallow: readonly CommitId[];
  /** Those that were shallow before, and are no longer. */
  readonly whole: readonly CommitId[];
}

export interface Pushed {
  readonly rejected: readonly { readonly ref: string; readonly reason: string }[];
  /** What the server says beside that. */
  readonly said: string;
}

export interface SmartHttpOptions {
  readonly url: string;
  readonly authorization: () => Promise<string | undefined>;
}

/** A server that stands still for so long is given up, in milliseconds. */
const silenceMs = 60_000;
const noObject = "0".repeat(40);

/** Throws {@link StoreError} `unreachable` where the server gave no answer, or none of git's. */
export function smartHttp({ url, authorization }: SmartHttpOptions): SmartHttp {
  const isSecure = url.startsWith("https:");
  const agent = isSecure ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true });

  async function ask(service: "git-upload-pack" | "git-receive-pack", body: Buffer): Promise<readonly Packet[]> {
    const auth = await authorization();
    const headers = {
      "content-type": `application/x-${service}-request`,
      accept: `application/x-${service}-result`,
      "content-length": body.length,
      "user-agent": "git/offshoot",
      ...(service === "git-upload-pack" ? { "git-protocol": "version=2" } : {}),
      ...(auth === undefined ? {} : { authorization: auth }),
    };
    try {
      const response = await post(`${url}/${service}`, { method: "POST", agent, headers }, body);
      const content = await buffer(response);
      if (response.statusCode !== 200) throw new Error(`${url} answered with ${response.statusCode}`);
      const packets = packetsIn(content);
      const error = lineOf(packets[0] ?? "flush");
      if (error.startsWith("ERR ")) throw new Error(error.slice("ERR ".length));
      return packets;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError("unreachable", `git's server gave no usable answer: ${reason}`);
    }
  }

  return {
    async refs(names) {
      const prefixes = names.map((name) => packet(`ref-prefix ${name}\n`));
      const body = Buffer.concat([packet("command=ls-refs\n"), delimiter, ...prefixes, flush]);
      const lines = (await ask("git-upload-pack", body)).map(lineOf).filter(Boolean);
      const found = parseRefs(lines.join("\n"));
      return new Map([...found].filter(([name]) => names.includes(name)));
    },

    async fetch({ commit, depth, have, shallow }) {
      const args = [
        ...["ofs-delta", "no-progress", `want ${commit}`],
        ...shallow.map((id) => `shallow ${id}`),
        ...(depth === undefined ? [] : [`deepen ${depth}`]),
        ...(have ? [`have ${have}`] : []),
        "done",
      ];
      const lines = args.map((line) => packet(`${line}\n`));
      const answer = await ask(
        "git-upload-pack",
        Buffer.concat([packet("command=fetch\n"), delimiter, ...lines, flush]),
      );
      const start = answer.findIndex((one) => lineOf(one) === "packfile");
      const error = band(answer.slice(start + 1), 3)
        .toString()
        .trim();
      if (start < 0 || error) throw new StoreError("unreachable", `git's server sent nothing: ${error}`);
      const info = answer.slice(0, start);
      const objects = packIn(band(answer.slice(start + 1), 1));
      return { objects, shallow: idsIn(info, "shallow"), whole: idsIn(info, "unshallow") };
    },

    async push(updates, objects) {
      const capabilities = "report-status atomic side-band-64k object-format=sha1";
      const commands = updates.map(({ ref, from, to }, index) =>
        packet(`${from ?? noObject} ${to ?? noObject} ${ref}${index === 0 ? `\0 ${capabilities}` : ""}`),
      );
      // Without a pack where refs are only deleted, as git has it.
      const pack = updates.some(({ to }) => to !== null) ? [writePack(objects)] : [];
      const answer = await ask("git-receive-pack", Buffer.concat([...commands, flush, ...pack]));
      const report = packetsIn(band(answer, 1)).map(lineOf);
      const said = band(answer, 2).toString().trim();
      const [unpacked = ""] = report;
      if (unpacked !== "unpack ok")
        throw new StoreError("unreachable", `git's server took nothing: ${unpacked} ${said}`);
      const rejected = report.flatMap((line) => {
        const [, ref, reason = ""] = /^ng (\S+) ?(.*)$/.exec(line) ?? [];
        return ref ? [{ ref, reason }] : [];
      });
      return { rejected, said };
    },
  };
}

function packIn(bytes: Buffer): Objects {
  try {
    return readPack(bytes);
  } catch (error) {
    throw new StoreError("unreachable", error instanceof Error ? error.message : String(error));
  }
}

function idsIn(packets: readonly Packet[], name: "shallow" | "unshallow"): readonly CommitId[] {
  const lines = packets.map(lineOf).filter((line) => line.startsWith(`${name} `));
  return lines.map((line) => line.slice(name.length + 1) as CommitId);
}

function post(url: string, options: RequestOptions, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? requestHttps : requestHttp;
    const asking = send(url, options, resolve);
    asking.setTimeout(silenceMs, () => asking.destroy(new Error(`it was silent for ${silenceMs / 1000} s`)));
    asking.on("error", reject).end(body);
  });
}
