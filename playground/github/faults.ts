/** Faults that a test seeds; each happens once, unless it says otherwise. */
export interface Faults {
  /** The next webhook of this event (`issue_comment`) is lost. */
  dropNextWebhook(event: string): void;
  /** The next webhook of this event is sent twice under one GUID. */
  duplicateNextWebhook(event: string): void;
  /**
   * The next request to the API with this method and path (below the API's root; GraphQL's is `/graphql`) fails with the
   * status: nothing is done, or with `done` everything is, and only the answer is lost. With `body` only one that says so.
   */
  failNext(method: string, path: RegExp, status: number, more?: Partial<Failure>): void;
  /** From now on webhooks are sent as they come up, without waiting for one another. */
  deliverAtOnce(): void;
  /** GraphQL does not know this mutation from now on, as on an older server. */
  forgetMutation(name: string): void;
}

export interface Failure {
  readonly method: string;
  readonly path: RegExp;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly done: boolean;
  readonly body: string;
}

/** The faults that are still to happen. */
export interface Waiting {
  readonly dropped: string[];
  readonly duplicated: string[];
  readonly failures: Failure[];
  readonly forgotten: string[];
  atOnce: boolean;
}

export const faultsInto = (waiting: Waiting): Faults => ({
  deliverAtOnce: () => {
    waiting.atOnce = true;
  },
  dropNextWebhook: (event) => void waiting.dropped.push(event),
  duplicateNextWebhook: (event) => void waiting.duplicated.push(event),
  failNext: (method, path, status, more) =>
    void waiting.failures.push({ ...{ headers: {}, done: false, body: "" }, ...more, method, path, status }),
  forgetMutation: (name) => void waiting.forgotten.push(name),
});

/** Takes the first that fits off the list: it happens now. */
export function take<T>(waiting: T[], fits: (one: T) => boolean): T | null {
  const at = waiting.findIndex(fits);
  return at < 0 ? null : (waiting.splice(at, 1)[0] ?? null);
}
