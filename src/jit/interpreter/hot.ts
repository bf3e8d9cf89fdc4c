/** Which forms stand in the interpreter's br_table, specialised by effective address: chosen by profile (tools/profile-forms.ts). */
import { type Form, formKey } from "../../cpu/lift/form.ts";
import { specialisations } from "./forms.ts";
import { HOT_KEYS, HOT_KEYS_32, HOT_PAIRS } from "./hot-keys.ts";

export const specialisedKey = (form: Form): string => (form.ea === "generic" ? formKey(form) : `${formKey(form)}@${form.ea}`);

/** The hot ones among all forms and their specialisations. */
export function hotForms(all: readonly Form[]): Form[] {
  const byKey = new Map<string, Form>();
  for (const f of all) {
    byKey.set(formKey(f), f);
    for (const s of specialisations(f)) byKey.set(specialisedKey(s), s);
  }
  return `${HOT_KEYS}${HOT_KEYS_32}`.split("\n").flatMap((key) => byKey.get(key) ?? []);
}

/** The hot sequences of two, as indices into `hot`. */
export function hotPairs(hot: readonly Form[]): [number, number][] {
  const index = new Map(hot.map((f, i) => [specialisedKey(f), i]));
  return HOT_PAIRS.split("\n").flatMap((line) => {
    const [a, b] = line.split(" ").map((key) => index.get(key));
    return a === undefined || b === undefined ? [] : [[a, b] as [number, number]];
  });
}
