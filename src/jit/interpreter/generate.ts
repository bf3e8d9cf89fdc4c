/** Which forms and pairs the interpreter is made of. Loading this file lets processes without a ready-made module generate one. */
import { type Form, formKey, liftName } from "../../cpu/lift/form.ts";
import { provideGenerator, type Profile } from "./compiled.ts";
import { allForms, specialisations } from "./forms.ts";
import type { InterpreterModule } from "./handlers.ts";
import { hotForms, hotPairs } from "./hot.ts";
import { generateInterpreter, type HandlerRequest } from "./module.ts";

/** Forms that few guests execute are compiled when they are met (late.ts), and not loaded by every page. */
const isLate = (form: Form): boolean => !AT_START.has(formKey(form)) && (
  form.mode === "legacy" || form.mode === "flat" || form.opSize === 16 || !COMMON_FEATURES.has(form.entry.feature) || RARE.some((names) => names.test(liftName(form.entry))) ||
  form.operands.some((o) => o.reg === "mmx" || o.reg === "st")
);
/** Much code, of which a kernel and a shell have little: floating-point arithmetic, integers in vectors, far transfers and what else is old. */
const RARE = [
  /^(add|sub|mul|div|min|max|sqrt|rsqrt|rcp|cmp)(ps|pd|ss|sd)$|^cvt|^u?comis[sd]$/,
  /^(pavg|pmadd|psad|pmul|padds|paddus|psubs|psubus|pack|pinsr|pextr|pshuflw|pshufhw|unpck|shufp)/,
  /^(callf|retf|jmpf|l[defgs]s|lar|lsl|verr|verw|arpl|enter|bound|xlat|loop|loope|loopne|jcxz|rcl|rcr|ins|outs|int1|into|s[gil]dt|str|smsw|lmsw|movnti|rd[fg]sbase|vm\w+)$/,
];
/** Of those, what the default guest executes until its prompt: 1 ms each where it has to be compiled then. */
export const AT_START: ReadonlySet<string> = new Set(`
  add.16(mem16,gpr16) addsd.32(xmm128,xmm128) and.16(gpr16,gpr16) and.16(gpr16,mem16) and.16(mem16,gpr16) and.16(mem16,imm16) clac.32.m64()
  cmp.16(gpr16,mem16) cmp.16(mem16,gpr16) cmp.16(mem16,imm16) cmpxchg16b.32(mem128) comisd.32(xmm128,xmm128) cvtsi2sd.64(xmm128,gpr64)
  cvttsd2si.64(gpr64,xmm128) fninit.32() fwait.32() fxsave.32(mem0) fxsave.64(mem0) in.16(gpr16,gpr16) mov.16(gpr16,gpr16) mov.16(gpr16,imm16)
  mov.16(mem16,imm16) movs.16.a64.m64(mem16,mem16) movsx.16(gpr16,mem8) mulsd.32(xmm128,mem64) nop.16(mem16) or.16(gpr16,imm16) or.16(gpr16,mem16)
  or.16(mem16,gpr16) or.16(mem16,imm16) out.16(gpr16,gpr16) palignr.32(xmm128,mem128,imm128) pcmpistri.32(xmm128,mem128,imm128) rdfsbase.64(gpr64)
  rdgsbase.64(gpr64) rdrand.64(gpr64) rdseed.64(gpr64) rdtscp.32() retf.64.m64() rol.16(gpr16,imm16) sar.16(mem16,1) sbb.16(gpr16,gpr16)
  sbb.16(gpr16,imm16) sgdt.64(mem80) shr.16(gpr16,1) shr.16(gpr16,imm16) stac.32.m64() stos.16.a64.rep.m64(mem16,gpr16) sub.16(gpr16,imm16)
  sub.16(gpr16,mem16) sub.16(mem16,imm16) subsd.32(xmm128,xmm128) test.16(gpr16,imm16) test.16(mem16,imm16) xadd.16(mem16,gpr16) xor.16(gpr16,gpr16)
  xor.16(gpr16,imm16) xsavec.64(mem0)
`.trim().split(/\s+/));
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
