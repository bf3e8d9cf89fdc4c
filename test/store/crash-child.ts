/** Loads the store of a folder until it is killed: `node crash-child.js FOLDER SEED`. */
import { writeSync } from "node:fs";
import { openFolderStore } from "../../src/cli/store.ts";
import { load } from "./load.ts";

const [folder, seed] = process.argv.slice(2);
await load(await openFolderStore(folder), Number(seed), (line) => writeSync(1, `${line}\n`));
