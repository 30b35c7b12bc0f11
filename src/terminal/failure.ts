/** How a command ends, for whoever started it. */
export const exitCodes = {
  done: 0,
  /** The turn, or what was checked, did not end well. */
  failed: 1,
  usage: 2,
  refused: 3,
  missing: 4,
  ambiguous: 5,
  busy: 6,
} as const;

type Kind = Exclude<keyof typeof exitCodes, "done">;

/** A command that cannot do what it was asked for: what happened and why, and what to do. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: Kind;
  readonly remedy: string;

  constructor(kind: Kind, message: string, remedy: string) {
    super(message);
    this.kind = kind;
    this.remedy = remedy;
  }
}
