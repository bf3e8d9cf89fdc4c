/** Which forms and pairs the interpreter is made of. Loading this file lets processes without a ready-made module generate one. */
import { type Form, formKey, liftName } from "../../cpu/lift/form.ts";
import { provideGenerator, type Profile } from "./compiled.ts";
import { allForms, specialisations } from "./forms.ts";
import type { InterpreterModule } from "./handlers.ts";
import { hotForms, hotPairs } from "./hot.ts";
import { generateInterpreter, type HandlerRequest } from "./module.ts";

/** Forms that few guests execute are compiled when they are met (late.ts), and not loaded by every page. */
const isLate = (form: Form): boolean =>
  form.mode === "legacy" || form.opSize === 16 || !COMMON_FEATURES.has(form.entry.feature) || RARE.some((names) => names.test(liftName(form.entry))) ||
  form.operands.some((o) => o.reg === "mmx" || o.reg === "st");
/** Much code, of which a kernel and a shell have little: floating-point arithmetic, integers in vectors, far transfers and what else is old. */
const RARE = [
  /^(add|sub|mul|div|min|max|sqrt|rsqrt|rcp|cmp)(ps|pd|ss|sd)$|^cvt|^u?comis[sd]$/,
  /^(pavg|pmadd|psad|pmul|padds|paddus|psubs|psubus|pack|pinsr|pextr|pshuflw|pshufhw|unpck|shufp)/,
  /^(callf|retf|jmpf|l[defgs]s|lar|lsl|verr|verw|arpl|enter|bound|xlat|loop|loope|loopne|jcxz|rcl|rcr|ins|outs|int1|into|s[gil]dt|str|smsw|lmsw|movnti|rd[fg]sbase|vm\w+)$/,
];
const COMMON_FEATURES = new Set(["base", "cmov", "sse", "sse2", "fsgsbase", "xsave", "popcnt"]);

/** Names help profiles, and cost a fifth of what a page loads. */
export function generate(shared: boolean, profile: Profile, names = true): InterpreterModule {
  const all = allForms();
  // In the order of their keys, which stored ones are packed by (compiled.ts).
  const outlined: HandlerRequest[] = all.filter((form) => profile !== null || !isLate(form)).map((form) => ({ form, inline: false }))
    .sort((a, b) => (formKey(a.form) < formKey(b.form) ? -1 : 1));
  const hot = hotForms(all);
  const requests = profile === "forms"
    ? [...outlined, ...all.flatMap((f) => specialisations(f)).map((form) => ({ form, inline: false }))]
    : [...hot.map((form) => ({ form, inline: true })), ...outlined];
  return generateInterpreter(requests, { module: "env", name: "memory", minimum: 1, maximum: 65536, shared }, { profile, names, pairs: profile === null ? hotPairs(hot) : [] });
}
provideGenerator(generate);
