/** Which forms stand in the interpreter's br_table, specialised by effective address: chosen by profile (tools/profile-forms.ts). */
import { type Form, formKey, liftName } from "../../cpu/lift/form.ts";
import { specialisations } from "./forms.ts";
import { HOT_KEYS, HOT_KEYS_32, HOT_PAIRS } from "./hot-keys.ts";

export const specialisedKey = (form: Form): string => (form.ea === "generic" ? formKey(form) : `${formKey(form)}@${form.ea}`);

/** What may go on in another mode is a function of its own: only behind a call the interpreter looks at the mode again. */
const CHANGES_MODE = new Set(["mov_to_seg", "les", "lss", "lds", "lfs", "lgs", "syscall", "sysret", "iret", "stac", "clac"]);
const mayBeInline = (form: Form): boolean => !CHANGES_MODE.has(liftName(form.entry)) && !(liftName(form.entry) === "pop" && form.operands[0].reg === "seg");

/** The hot ones among all forms and their specialisations. */
export function hotForms(all: readonly Form[]): Form[] {
  const byKey = new Map<string, Form>();
  for (const f of all) {
    if (!mayBeInline(f)) continue;
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
