/** Faults that a test seeds; each happens once. */
export interface Faults {
  /** The next webhook of this event (`issue_comment`) is lost. */
  dropNextWebhook(event: string): void;
  /** The next webhook of this event is sent twice under one GUID. */
  duplicateNextWebhook(event: string): void;
  /** The next REST request with this method and path (below `/api/v3`) fails with the status, nothing done. */
  failNext(method: string, path: RegExp, status: number): void;
}

/** The faults that are still to happen. */
export interface Waiting {
  readonly dropped: string[];
  readonly duplicated: string[];
  readonly failures: { readonly method: string; readonly path: RegExp; readonly status: number }[];
}

export const faultsInto = ({ dropped, duplicated, failures }: Waiting): Faults => ({
  dropNextWebhook: (event) => void dropped.push(event),
  duplicateNextWebhook: (event) => void duplicated.push(event),
  failNext: (method, path, status) => void failures.push({ method, path, status }),
});

/** Takes the first that fits off the list: it happens now. */
export function take<T>(waiting: T[], fits: (one: T) => boolean): T | null {
  const at = waiting.findIndex(fits);
  return at < 0 ? null : (waiting.splice(at, 1)[0] ?? null);
}
