import { benchStart } from "./start.ts";
import { benchStore } from "./store.ts";

const benches: Readonly<Record<string, () => Promise<void>>> = { start: benchStart, store: benchStore };

const [name = ""] = process.argv.slice(2);
const bench = benches[name];
if (bench) await bench();
else {
  console.error(`Usage: npm run bench -- <name>, where <name> is one of: ${Object.keys(benches).join(", ")}`);
  process.exitCode = 2;
}
