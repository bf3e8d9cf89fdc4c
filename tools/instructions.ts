/** Writes docs/INSTRUCTIONS.md from the instruction table: npx tsx tools/instructions.ts */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { instructionsDocument } from "./instructions/document.ts";

writeFileSync(fileURLToPath(new URL("../docs/INSTRUCTIONS.md", import.meta.url)), instructionsDocument());
