import type { Webhooks } from "./webhooks.ts";

/** Faults that a test seeds; each happens once. */
export interface Faults {
  /** The next webhook of this event (`issue_comment`) is lost. */
  dropNextWebhook(event: string): void;
  /** The next webhook of this event is sent twice under one GUID. */
  duplicateNextWebhook(event: string): void;
  /** The next REST request with this method and path (below `/api/v3`) fails with the status, nothing done. */
  failNext(method: string, path: RegExp, status: number): void;
  /** Status to fail this request with, or null; takes the fault off the list. */
  failure(request: { readonly method: string; readonly path: string }): number | null;
}

export function openFaults({ dropNext, duplicateNext }: Webhooks): Faults {
  const failures: { method: string; path: RegExp; status: number }[] = [];
  return {
    dropNextWebhook: dropNext,
    duplicateNextWebhook: duplicateNext,
    failNext: (method, path, status) => void failures.push({ method, path, status }),
    failure: ({ method, path }) => {
      const at = failures.findIndex((fault) => fault.method === method && fault.path.test(path));
      return at < 0 ? null : (failures.splice(at, 1)[0]?.status ?? null);
    },
  };
}
