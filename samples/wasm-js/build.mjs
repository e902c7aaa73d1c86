// node build.mjs GUEST WIT OUT: makes a component of a script. Run where the packages are installed.
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

import { componentize } from "@bytecodealliance/componentize-js";

const [guest, wit, out] = process.argv.slice(2);
const { component } = await componentize(await readFile(guest, "utf8"), {
  sourceName: "guest.js",
  witPath: resolve(wit),
  worldName: "guest",
  enableFeatures: ["http", "fetch-event"],
  disableFeatures: [],
});
await writeFile(out, component);
