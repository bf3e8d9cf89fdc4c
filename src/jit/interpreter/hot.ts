/** Which forms stand in the interpreter's br_table, specialised by effective address. */
import type { HandlerRequest } from "./module.ts";

export function hotForms(): HandlerRequest[] {
  return [];
}
