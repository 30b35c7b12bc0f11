import type { Terminal } from "./terminal.ts";

/** How long people wait without being told what for. */
const patienceMs = 1_000;

/** Says what is being done while it is, in a line that goes again; only to people, and only if it takes a while. */
export async function patiently<T>(
  { stderr }: Pick<Terminal, "stderr">,
  what: string,
  work: (tell: (more: string) => void) => Promise<T>,
): Promise<T> {
  if (!stderr.isTTY) return work(() => undefined);
  let more = "";
  let isShown = false;
  const show = () => {
    isShown = true;
    stderr.write(`\r\x1b[K${what}${more} …`);
  };
  const timer = setTimeout(show, patienceMs);
  try {
    return await work((now) => {
      more = ` (${now})`;
      if (isShown) show();
    });
  } finally {
    clearTimeout(timer);
    if (isShown) stderr.write("\r\x1b[K");
  }
}
