import type { Webhooks } from "./webhooks.ts";

/** Faults that a test seeds; each happens once. */
export interface Faults {
  /** The next webhook of this event (`issue_comment`) is lost. */
  dropNextWebhook(event: string): void;
  /** The next webhook of this event is sent twice under one GUID. */
  duplicateNextWebhook(event: string): void;
  /** The next request with this method and path (REST: below `/api/v3`; git: the whole path) fails, nothing done. */
  failNext(method: string, path: RegExp, status: number): void;
  /** Status to fail this request with, or null; takes the fault off the list. */
  failure(method: string, path: string): number | null;
}

export function openFaults(webhooks: Webhooks): Faults {
  const failures: { method: string; path: RegExp; status: number }[] = [];
  return {
    dropNextWebhook: webhooks.dropNext,
    duplicateNextWebhook: webhooks.duplicateNext,
    failNext: (method, path, status) => void failures.push({ method, path, status }),
    failure: (method, path) => {
      const at = failures.findIndex((fault) => fault.method === method && fault.path.test(path));
      return at < 0 ? null : (failures.splice(at, 1)[0]?.status ?? null);
    },
  };
}
