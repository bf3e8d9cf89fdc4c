/** `npx tsx tools/schema.ts`: writes the JSON Schema of machine definitions, for editors, to public/machine.schema.json. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toJsonSchema } from "@valibot/to-json-schema";
import { MachineFields } from "../src/vmm/definition/schema.ts";

export const SCHEMA_FILE = fileURLToPath(new URL("../public/machine.schema.json", import.meta.url));

/** What a file may say; what goes together is checked by the program alone. */
export function machineJsonSchema(): string {
  // Checks that JSON Schema has no words for (a CPU model's name, sizes' ranges) are left to the program.
  const schema = toJsonSchema(MachineFields, { typeMode: "input", errorMode: "ignore" });
  return `${JSON.stringify({ title: "A machine of Tabvisor", ...schema }, null, 1)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SCHEMA_FILE, machineJsonSchema());
