/** Profiled form keys, hottest first, a line each; then sequences of two. Written by tools/profile-forms.ts. */
export const HOT_KEYS = `
jne.64.m64(rel0)
mov.32(gpr32,gpr32)
je.64.m64(rel0)
mov.64(gpr64,gpr64)
xor.32(gpr32,gpr32)
mov.64(gpr64,mem64)@bd
push.64.m64(gpr64)
pop.64.m64(gpr64)
add.64(gpr64,imm64)
jmp.64.m64(rel0)
movzx.32(gpr32,mem8)@bd
mov.32(gpr32,mem32)@bd
cmp.64(gpr64,gpr64)
test.32(gpr8,gpr8)
ret.64.m64()
add.32(gpr32,imm32)
add.64(gpr64,gpr64)
call.64.m64(rel0)
mov.64(mem64,gpr64)@bd
test.32(gpr32,gpr32)
add.32(gpr32,gpr32)
cmp.32(gpr32,gpr32)
movsxd.64(gpr64,gpr32)
lea.64(gpr64,mem0)@bd
rol.32(gpr32,imm32)
mov.32(gpr32,imm32)
test.64(gpr64,gpr64)
nop.32(mem32)@sib
cmp.32(gpr32,imm32)
mov.32(mem32,gpr32)@bd
ror.32(gpr32,imm32)
cmp.32(mem8,imm8)@bd
cmp.64(gpr64,imm64)
jns.64.m64(rel0)
jae.64.m64(rel0)
cmp.32(gpr8,imm8)
and.32(gpr32,gpr32)
and.32(gpr32,imm32)
lea.64(gpr64,mem0)@sib
test.32(mem8,imm8)@bd
jb.64.m64(rel0)
sub.64(gpr64,gpr64)
movzx.32(gpr32,gpr8)
inc.64(gpr64)
ja.64.m64(rel0)
lea.32(gpr32,mem0)@bd
sub.64(gpr64,imm64)
shr.32(gpr32,imm32)
test.32(gpr8,imm8)
mov.64(gpr64,mem64)@rip
add.32(gpr32,mem32)@sib
movzx.32(gpr32,mem8)@sib
shr.64(gpr64,imm64)
mov.64(mem64,imm64)@bd
mov.64(gpr64,imm64)
mov.64(gpr64,mem64)@seg
jbe.64.m64(rel0)
cmp.32(gpr8,mem8)@sib
mov.32(mem8,gpr8)@bd
mov.32(mem8,imm8)@bd
sub.32(gpr32,imm32)
sub.32(gpr32,gpr32)
and.64(gpr64,imm64)
movsxd.64(gpr64,mem32)@bd
shl.64(gpr64,imm64)
lea.32(gpr32,mem0)@sib
cmp.64(mem64,gpr64)@bd
mov.32(gpr8,mem8)@bd
mov.64(gpr64,mem64)@sib
test.32(gpr32,imm32)
not.32(gpr32)
sar.64(gpr64,imm64)
add.32(gpr32,mem32)@bd
mov.32(mem32,imm32)@bd
sar.64(gpr64,1)
nop.32(mem32)@bd
not.64(gpr64)
add.64(gpr64,mem64)@rip
sub.64(gpr64,mem64)@seg
cmp.64(mem64,imm64)@bd
cmp.32(mem32,gpr32)@bd
mov.32(gpr32,mem32)@sib
js.64.m64(rel0)
cmp.32(mem32,imm32)@bd
movzx.32(gpr32,mem16)@sib
and.64(gpr64,gpr64)
mov.32(gpr32,mem32)@rip
mov.16(mem16,gpr16)@sib
cmp.32(gpr32,mem32)@bd
nop.16()
inc.32(mem32)@bd
cmovae.64(gpr64,gpr64)
sbb.32(gpr32,gpr32)
movsxd.64(gpr64,mem32)@sib
jle.64.m64(rel0)
shr.64(gpr64,1)
mov.32(gpr8,mem8)@sib
cmovb.64(gpr64,gpr64)
movzx.32(gpr32,mem16)@bd
sete.32(gpr8)
imul2.64(gpr64,gpr64)
mov.32(mem8,gpr8)@sib
or.32(gpr32,imm32)
pxor.32(xmm128,xmm128)
mov.32(mem32,gpr32)@sib
or.64(gpr64,gpr64)
lea.64(gpr64,mem0)@rip
dec.32(mem32)
inc.32(mem32)
movsx.32(gpr32,gpr8)
shl.32(gpr32,imm32)
cmp.64(gpr64,mem64)@bd
dec.32(gpr32)
add.64(gpr64,mem64)@bd
cmp.16(gpr16,gpr16)
mov.16(gpr16,mem16)@sib
jg.64.m64(rel0)
inc.32(gpr32)
cmovb.32(gpr32,gpr32)
setne.32(gpr8)
call.64.m64(gpr64)
mov.16(mem16,gpr16)@bd
add.16(gpr16,imm16)
xor.64(gpr64,gpr64)
pcmpeqb.32(xmm128,xmm128)
mov.32(gpr32,mem32)
movd.32(xmm128,mem32)@sib
cmp.32(gpr8,gpr8)
mov.64(mem64,gpr64)@sib
mov.64(mem64,gpr64)@rip
cmp.32(mem8,imm8)@rip
cmp.32(gpr8,mem8)@bd
bswap.32(gpr32)
pushf.64.m64()
cmp.64(gpr64,mem64)@rip
cmpxchg.32(mem32,gpr32)@bd
pmovmskb.32(gpr32,xmm128)
nop.32()
or.32(gpr32,gpr32)
paddd.32(xmm128,xmm128)
add.32(mem32,imm32)@bd
cmp.32(mem8,gpr8)@sib
sub.64(gpr64,mem64)@bd
stos.64.a64.rep.m64(mem64,gpr64)
movdqu.32(xmm128,mem128)@bd
xor.32(gpr32,mem32)@sib
inc.16(mem16)@sib
shl.32(mem8,1)@bd
pshufd.32(xmm128,xmm128,imm128)
cli.32()
jmp.64.m64(mem64)@rip
shl.64(gpr64,gpr8)
setb.32(gpr8)
neg.64(gpr64)
movdqa.32(xmm128,xmm128)
mov_from_seg.32(gpr32,seg16)
cbw.64()
por.32(xmm128,xmm128)
bt.32(mem32,imm32)@bd
test.32(mem8,imm8)@rip
add.64(gpr64,mem64)
shr.64(gpr64,gpr8)
cmp.32(mem8,gpr8)@bd
punpckldq.32(xmm128,xmm128)
cmp.16(gpr16,imm16)
test.64(gpr64,imm64)
jl.64.m64(rel0)
sub.32(mem32,imm32)@bd
test.32(mem32,imm32)@bd
sti.32()
add.64(mem64,imm64)@bd
push.64.m64(imm0)
cmovae.32(gpr32,gpr32)
cmova.32(gpr32,gpr32)
cmovs.64(gpr64,gpr64)
jge.64.m64(rel0)
bswap.64(gpr64)
setne.32(mem8)@bd
movsx.64(gpr64,mem8)@bd
pshufb.32(xmm128,xmm128)
mov.64(gpr64,mem64)
or.64(gpr64,mem64)@bd
jmp.64.m64(gpr64)
xor.64(gpr64,mem64)@bd
mov.32(gpr8,imm8)
sub.64(gpr64,mem64)@rip
iret.64.m64()
and.32(gpr8,imm8)
cmovne.64(gpr64,gpr64)
call.64.m64(mem64)@rip
test.16(gpr16,gpr16)
cmove.64(gpr64,gpr64)
bt.64(gpr64,imm64)
punpcklqdq.32(xmm128,xmm128)
movs.32.a64.rep.m64(mem8,mem8)
bsf.32(gpr32,gpr32)
shl.32(gpr32,gpr8)
stos.32.a64.rep.m64(mem8,gpr8)
sar.32(gpr32,imm32)
xor.32(gpr32,imm32)
movdqa.32(xmm128,mem128)@bd
movzx.32(gpr32,gpr16)
cmovne.32(gpr32,gpr32)
movd.32(xmm128,gpr32)
cmpxchg.64(mem64,gpr64)@bd
cmove.32(gpr32,gpr32)
push.64.m64(mem64)@bd
cmova.64(gpr64,gpr64)
mov.64(mem64,gpr64)@seg
call.64.m64(mem64)@bd
adc.64(gpr64,gpr64)
add.64(mem64,gpr64)@bd
mov.32(gpr32,mem32)@seg
cmovg.32(gpr32,gpr32)
psrld.32(xmm128,imm128)
pslld.32(xmm128,imm128)
movups.32(mem128,xmm128)@bd
btr.64(mem64,imm64)@bd
rol.64(gpr64,imm64)
or.32(gpr8,imm8)
or.64(gpr64,imm64)
test.64(mem64,imm64)@bd
punpcklbw.32(xmm128,xmm128)
or.32(mem32,imm32)@bd
or.32(gpr8,gpr8)
sub.64(mem64,gpr64)@bd
pcmpistri.32(xmm128,xmm128,imm128)
and.64(gpr64,mem64)@rip
dec.32(mem32)@bd
punpcklwd.32(xmm128,xmm128)
shr.32(gpr8,imm8)
sub.32(gpr32,mem32)@bd
and.16(gpr16,imm16)
sar.32(gpr32,gpr8)
cmp.64(mem64,gpr64)@rip
mov.32(gpr8,gpr8)
bsf.64(gpr64,gpr64)
bts.64(mem64,imm64)@bd
cmovs.32(gpr32,gpr32)
dec.64(gpr64)
prefetcht0.32(mem8)@bd
cmpxchg16b.32(mem128)@seg
cmp.64(mem64,imm64)@sib
and.32(mem32,imm32)@bd
and.32(gpr8,mem8)@rip
mul.64(gpr64)
movsd.32(xmm128,mem64)@bd
xadd.64(mem64,gpr64)@bd
prefetcht0.32(mem8)@sib
add.64(gpr64,mem64)@sib
cmp.16(mem16,imm16)@bd
bt.64(mem64,gpr64)@bd
movaps.32(mem128,xmm128)@bd
cmp.64(mem64,imm64)@seg
or.32(mem8,imm8)@bd
cmp.64(mem64,imm64)@rip
movsxd.64(gpr64,mem32)@rip
movq.32(mem64,xmm128)@bd
mov.32(mem32,gpr32)@seg
mov.32(gpr8,mem8)
mov.32(mem32,gpr32)@rip
swapgs.32()
and.32(mem8,imm8)@bd
add.32(mem32,gpr32)@bd
xor.32(gpr8,gpr8)
cmp.32(mem8,imm8)@sib
xchg.32(mem32,gpr32)@bd
movdqu.32(xmm128,mem128)@sib
xor.64(gpr64,mem64)@sib
movzx.32(gpr32,mem8)@rip
movsd.32(mem64,xmm128)@bd
neg.32(gpr32)
cmovbe.64(gpr64,gpr64)
cmp.32(gpr32,mem32)@sib
test.32(mem8,imm8)@sib
xor.64(gpr64,mem64)@seg
mov.64(mem64,gpr64)
rdtsc.32()
nop.16(mem16)@sib
adc.64(gpr64,imm64)
clac.32()
setae.32(gpr8)
shr.32(gpr32,gpr8)
cmovle.64(gpr64,gpr64)
sar.64(gpr64,gpr8)
and.64(gpr64,mem64)@bd
sete.32(mem8)@bd
mov.32(gpr8,mem8)@seg
shrd.64(gpr64,gpr64,gpr8)
mov.16(mem16,imm16)@bd
movsx.64(gpr64,gpr8)
imul3.64(gpr64,gpr64,imm64)
movd.64(xmm128,gpr64)
leave.64.m64()
sbb.64(gpr64,gpr64)
stac.32()
cmovbe.32(gpr32,gpr32)
movs.32.a64.rep.m64(mem32,mem32)
lfence.32()
or.64(gpr64,mem64)@rip
bt.64(mem64,gpr64)@rip
mov.64(mem64,imm64)@rip
mov.16(gpr16,mem16)
div.64(gpr64)
inc.64(mem64)
cmp.64(mem64,gpr64)@sib
imul3.32(gpr32,gpr32,imm32)
mov.32(mem8,imm8)@sib
movsx.32(gpr32,mem8)@bd
btr.64(mem64,gpr64)@bd
add.64(mem64,gpr64)@seg
sub.32(mem32,gpr32)@bd
mov.64(mem64,imm64)
shr.32(gpr32,1)
cmovns.32(gpr32,gpr32)
div.32(gpr32)
and.64(gpr64,mem64)@sib
cmovge.64(gpr64,gpr64)
adc.32(gpr32,imm32)
cmp.16(mem16,gpr16)@bd
cmp.32(mem32,imm32)@rip
inc.32(mem32)@seg
cmp.16(mem16,gpr16)@sib
and.32(mem8,gpr8)@bd
test.32(mem8,gpr8)@bd
jmp.64.m64(mem64)@sib
cmp.32(mem32,gpr32)@rip
cmp.32(gpr32,mem32)@rip
xadd.32(mem32,gpr32)@bd
out.32(gpr16,gpr8)
movups.32(xmm128,mem128)@bd
sub.32(mem32,imm32)@sib
add.32(mem32,gpr32)@sib
and.32(gpr32,mem32)@rip
add.64(mem64,gpr64)@rip
in.32(gpr8,gpr16)
xor.64(gpr64,imm64)
and.32(gpr32,mem32)@bd
cmovl.32(gpr32,gpr32)
cmovne.32(gpr32,mem32)@bd
and.32(gpr8,gpr8)
mov_to_cr.32(cr64,gpr64)
mov.16(mem16,gpr16)
add.32(gpr8,gpr8)
out.32(imm0,gpr8)
cmovle.32(gpr32,gpr32)
cmovge.32(gpr32,gpr32)
or.16(gpr16,mem16)@bd
mov_from_seg.16(gpr16,seg16)
pcmpistri.32(xmm128,mem128,imm128)@bd
movups.32(xmm128,mem128)@sib
movzx.32(gpr32,mem16)@rip
movups.32(mem128,xmm128)@sib
cmovg.64(gpr64,gpr64)
setg.32(gpr8)
bt.32(gpr32,imm32)
mov.32(mem8,gpr8)@seg
cmove.64(gpr64,mem64)@bd
movd.64(gpr64,xmm128)
bts.64(mem64,gpr64)@bd
sar.32(gpr32,1)
rdtscp.32()
push.64.m64(mem64)@seg
syscall.32()
mov.32(mem8,imm8)
setbe.32(gpr8)
xadd.32(mem32,gpr32)
setle.32(gpr8)
bsr.64(gpr64,mem64)@sib
pcmpeqb.32(xmm128,mem128)@bd
comisd.32(xmm128,xmm128)
dec.32(mem32)@seg
cmp.64(gpr64,mem64)@seg
sbb.32(gpr32,imm32)
inc.64(mem64)@seg
bsr.64(gpr64,gpr64)
bts.64(mem64,imm64)@sib
movsx.32(gpr32,gpr16)
imul2.32(gpr32,mem32)@bd
or.16(mem16,imm16)@bd
movq.32(xmm128,mem64)@bd
pause.32()
movs.64.a64.rep.m64(mem64,mem64)
cmp.64(gpr64,mem64)@sib
add.32(mem32,imm32)@rip
shld.64(gpr64,gpr64,gpr8)
fnstcw.32(mem16)@bd
addsd.32(xmm128,mem64)@bd
mulsd.32(xmm128,mem64)@bd
or.16(gpr16,imm16)
psubb.32(xmm128,xmm128)
cmovl.64(gpr64,gpr64)
movsx.32(gpr32,mem8)@rip
shr.32(gpr8,1)
inc.64(mem64)@bd
movd.32(xmm128,mem32)@bd
or.32(gpr32,mem32)@bd
cmovle.32(gpr32,mem32)@bd
cmpxchg.32(mem32,gpr32)@rip
xchg.32(mem32,gpr32)@rip
movdqa.32(xmm128,mem128)@rip
add.64(mem64,gpr64)@sib
imul2.32(gpr32,gpr32)
add.32(mem32,imm32)
bt.64(gpr64,gpr64)
sub.64(mem64,imm64)@bd
bts.64(gpr64,imm64)
mov.32(mem32,imm32)@sib
movdqu.32(mem128,xmm128)@bd
cmpxchg16b.32(mem128)@bd
cmovns.64(gpr64,gpr64)
xor.32(gpr32,mem32)@bd
dec.32(gpr8)
cld.32()
xorps.32(xmm128,xmm128)
cmovne.64(gpr64,mem64)@bd
cvtsi2sd.64(xmm128,gpr64)
addsd.32(xmm128,mem64)@rip
jp.64.m64(rel0)
ucomisd.32(xmm128,xmm128)
movapd.32(xmm128,xmm128)
ucomisd.32(xmm128,mem64)@rip
andpd.32(xmm128,mem128)@rip
or.64(mem64,imm64)@bd
popf.64.m64()
shr.16(gpr16,imm16)
cmp.32(mem32,gpr32)@sib
imul2.64(gpr64,mem64)@sib
seta.32(gpr8)
mov.16(gpr16,mem16)@bd
add.64(mem64,gpr64)
sbb.64(gpr64,imm64)
mov.64(mem64,imm64)@sib
psubd.32(xmm128,xmm128)
cmovne.64(gpr64,mem64)@rip
sar.16(mem16,1)@bd
rdfsbase.64(gpr64)
rdgsbase.64(gpr64)
btr.32(gpr32,gpr32)
sub.64(mem64,imm64)@sib
add.64(mem64,imm64)@sib
wrfsbase.64(gpr64)
or.32(mem32,imm32)
wrgsbase.64(gpr64)
movsx.32(gpr32,mem8)@sib
cmp.16(gpr16,mem16)@bd
shrd.64(gpr64,gpr64,imm64)
mov.16(mem16,imm16)@sib
sub.16(gpr16,mem16)@bd
cwd.64()
idiv.64(gpr64)
imul.64(gpr64)
xchg.64(mem64,gpr64)@bd
cmove.32(gpr32,mem32)@bd
dec.64(mem64)@bd
or.32(mem32,gpr32)@sib
movhps.32(xmm128,mem64)@bd
cmove.32(gpr32,mem32)@rip
setl.32(gpr8)
ror.64(gpr64,imm64)
in.32(gpr8,imm8)
mov.32(mem32,imm32)@seg
rol.32(gpr32,gpr8)
xsavec.64(mem0)@bd
cvtsi2sd.32(xmm128,mem32)@bd
cmp.32(mem8,gpr8)@rip
cvttsd2si.32(gpr32,xmm128)
mov_from_cr.32(gpr64,cr64)
setae.32(mem8)@bd
cmpxchg.32(mem8,gpr8)@seg
add.32(mem32,imm32)@sib
xrstor.64(mem0)@bd
cmp.16(mem16,imm16)@sib
bsr.32(gpr32,gpr32)
add.32(mem32,gpr32)@seg
cpuid.32()
mov.32(mem32,imm32)@rip
paddq.32(xmm128,xmm128)
pxor.32(xmm128,mem128)@rip
and.32(mem32,imm32)
sub.32(gpr32,mem32)@rip
movzx.64(gpr64,mem8)@bd
movzx.64(gpr64,mem8)@sib
mov.32(mem8,imm8)@rip
div.64(mem64)@bd
imul3.64(gpr64,mem64,imm64)@bd
bsr.64(gpr64,mem64)@rip
cmovae.64(gpr64,mem64)@bd
inc.32(mem32)@sib
ldmxcsr.32(mem32)@bd
add.16(gpr16,mem16)@bd
hlt.32()
movaps.32(xmm128,xmm128)
sub.64(mem64,imm64)@rip
stos.32.a64.rep.m64(mem32,gpr32)
movaps.32(xmm128,mem128)@bd
or.32(mem32,gpr32)@bd
test.16(gpr16,imm16)
movsx.32(gpr32,mem16)@bd
imul2.64(gpr64,mem64)@bd
mov.32(mem8,gpr8)@rip
and.64(mem64,imm64)@bd
paddb.32(xmm128,xmm128)
bts.64(gpr64,gpr64)
add.32(mem8,imm8)@bd
and.16(mem16,imm16)@bd
rol.16(gpr16,imm16)
cmp.32(mem32,imm32)@sib
bt.32(gpr32,gpr32)
mov.16(mem16,gpr16)@rip
popcnt.64(gpr64,gpr64)
cmove.64(gpr64,mem64)@rip
invlpg.32(mem8)@bd
mov.32(mem32,imm32)
sbb.32(gpr8,imm8)
movq.32(xmm128,mem64)@rip
movhps.32(xmm128,mem64)@rip
pminub.32(xmm128,xmm128)
test.16(mem16,imm16)@bd
test.32(mem32,gpr32)@bd
and.64(mem64,gpr64)@bd
pcmpgtb.32(xmm128,xmm128)
pslldq.32(xmm128,imm128)
pandn.32(xmm128,xmm128)
rol.64(gpr64,gpr8)
pmaxub.32(xmm128,xmm128)
cwd.32()
or.64(mem64,gpr64)@bd
dec.64(mem64)
call.64.m64(mem64)@sib
or.16(mem16,gpr16)
xchg.64(gpr64,gpr64)
sub.32(mem8,imm8)@bd
movups.32(mem128,xmm128)@rip
mov.16(mem16,imm16)
bsr.32(gpr32,mem32)@bd
and.32(gpr32,mem32)@sib
mov_to_seg.32(seg16,gpr32)
adc.32(gpr8,imm8)
sub.16(gpr16,imm16)
inc.16(mem16)@bd
cmpxchg.64(mem64,gpr64)
movdqa.32(xmm128,mem128)@sib
pcmpistri.32(xmm128,mem128,imm128)@sib
idiv.32(gpr32)
add.32(mem32,gpr32)
or.32(mem32,imm32)@rip
setb.32(mem8)@bd
xadd.64(mem64,gpr64)@sib
or.32(gpr32,mem32)@rip
add.64(mem64,imm64)@rip
idiv.32(mem32)@bd
mov.32(gpr8,mem8)@rip
sub.32(gpr32,mem32)@sib
xchg.32(gpr32,gpr32)
shr.64(mem64,gpr8)@bd
movaps.32(mem128,xmm128)@rip
movsx.32(gpr32,mem16)@rip
setge.32(gpr8)
or.64(mem64,imm64)@sib
bt.64(mem64,gpr64)@sib
xor.32(mem8,imm8)@bd
movsx.64(gpr64,mem16)@bd
pminub.32(xmm128,mem128)@bd
sub.64(mem64,gpr64)@rip
cmovb.32(gpr32,mem32)@rip
add.32(gpr8,mem8)@sib
out.32(gpr16,gpr32)
palignr.32(xmm128,mem128,imm128)@sib
xchg.64(mem64,gpr64)@sib
add.16(mem16,gpr16)@bd
adc.32(mem32,imm32)@bd
btr.64(gpr64,imm64)
sub.32(gpr8,imm8)
rol.32(gpr32,1)
and.16(mem16,gpr16)@bd
rdmsr.32()
or.32(mem32,gpr32)@rip
sub.32(mem32,imm32)@rip
and.32(mem32,gpr32)@bd
xadd.64(mem64,gpr64)@rip
movd.32(xmm128,mem32)@rip
div.32(mem32)@bd
bts.64(mem64,gpr64)@rip
movq.32(mem64,xmm128)@rip
or.32(mem8,gpr8)@bd
inc.32(mem8)@rip
fwait.32()
dec.32(mem32)@rip
inc.32(mem32)@rip
or.16(mem16,gpr16)@rip
and.16(gpr16,mem16)@bd
xor.32(mem8,imm8)@sib
xor.32(gpr8,imm8)
add.16(mem16,gpr16)@sib
xor.16(gpr16,gpr16)
in.32(gpr32,gpr16)
in.16(gpr16,gpr16)
and.64(mem64,gpr64)@sib
inc.64(mem64)@rip
`;

export const HOT_PAIRS = `
pop.64.m64(gpr64) pop.64.m64(gpr64)
mov.32(gpr32,gpr32) mov.32(gpr32,gpr32)
xor.32(gpr32,gpr32) mov.32(gpr32,gpr32)
push.64.m64(gpr64) push.64.m64(gpr64)
movzx.32(gpr32,mem8)@bd test.32(gpr8,gpr8)
push.64.m64(gpr64) mov.64(gpr64,gpr64)
test.32(gpr8,gpr8) je.64.m64(rel0)
cmp.32(gpr32,gpr32) jne.64.m64(rel0)
test.64(gpr64,gpr64) je.64.m64(rel0)
add.32(gpr32,imm32) movsxd.64(gpr64,gpr32)
add.32(gpr32,gpr32) mov.32(gpr32,gpr32)
movsxd.64(gpr64,gpr32) add.64(gpr64,gpr64)
test.32(gpr8,gpr8) jns.64.m64(rel0)
add.64(gpr64,gpr64) cmp.32(gpr32,gpr32)
add.32(gpr32,imm32) add.32(gpr32,imm32)
mov.64(gpr64,gpr64) mov.64(gpr64,gpr64)
cmp.64(gpr64,gpr64) jne.64.m64(rel0)
test.32(gpr32,gpr32) jne.64.m64(rel0)
rol.32(gpr32,imm32) xor.32(gpr32,gpr32)
cmp.32(mem8,imm8)@bd jne.64.m64(rel0)
mov.32(gpr32,gpr32) add.32(gpr32,gpr32)
mov.64(gpr64,gpr64) call.64.m64(rel0)
and.32(gpr32,gpr32) xor.32(gpr32,gpr32)
test.32(gpr32,gpr32) je.64.m64(rel0)
test.32(mem8,imm8)@bd jne.64.m64(rel0)
mov.64(gpr64,gpr64) push.64.m64(gpr64)
pop.64.m64(gpr64) ret.64.m64()
cmp.64(gpr64,gpr64) jae.64.m64(rel0)
movzx.32(gpr32,mem8)@bd add.64(gpr64,imm64)
add.64(gpr64,imm64) test.32(gpr8,gpr8)
cmp.32(gpr8,imm8) je.64.m64(rel0)
mov.64(gpr64,mem64)@bd mov.64(gpr64,mem64)@bd
cmp.64(gpr64,imm64) je.64.m64(rel0)
mov.32(gpr32,gpr32) rol.32(gpr32,imm32)
mov.32(gpr32,gpr32) ror.32(gpr32,imm32)
ror.32(gpr32,imm32) ror.32(gpr32,imm32)
cmp.64(gpr64,gpr64) je.64.m64(rel0)
cmp.32(gpr8,imm8) jne.64.m64(rel0)
test.32(gpr8,gpr8) jne.64.m64(rel0)
mov.32(gpr32,gpr32) xor.32(gpr32,gpr32)
ror.32(gpr32,imm32) xor.32(gpr32,gpr32)
mov.64(gpr64,gpr64) sub.64(gpr64,gpr64)
je.64.m64(rel0) mov.64(gpr64,mem64)@bd
movzx.32(gpr32,gpr8) test.32(mem8,imm8)@bd
mov.32(gpr32,gpr32) shr.32(gpr32,imm32)
cmp.32(gpr32,imm32) ja.64.m64(rel0)
nop.32(mem32)@sib push.64.m64(gpr64)
je.64.m64(rel0) cmp.64(gpr64,gpr64)
test.32(gpr8,imm8) jne.64.m64(rel0)
mov.64(mem64,gpr64)@bd mov.64(mem64,gpr64)@bd
cmp.64(gpr64,gpr64) jb.64.m64(rel0)
mov.32(gpr32,mem32)@bd mov.32(gpr32,mem32)@bd
xor.32(gpr32,gpr32) xor.32(gpr32,gpr32)
cmp.32(gpr32,imm32) je.64.m64(rel0)
je.64.m64(rel0) cmp.32(gpr8,imm8)
add.64(gpr64,imm64) cmp.64(gpr64,gpr64)
je.64.m64(rel0) test.32(gpr32,gpr32)
je.64.m64(rel0) mov.32(gpr32,gpr32)
mov.64(gpr64,mem64)@bd mov.64(gpr64,gpr64)
je.64.m64(rel0) add.64(gpr64,imm64)
add.64(gpr64,imm64) cmp.32(mem8,imm8)@bd
rol.32(gpr32,imm32) rol.32(gpr32,imm32)
mov.32(gpr32,gpr32) jmp.64.m64(rel0)
movzx.32(gpr32,mem8)@sib cmp.32(gpr8,mem8)@sib
cmp.32(gpr8,mem8)@sib je.64.m64(rel0)
mov.64(gpr64,gpr64) shr.64(gpr64,imm64)
pop.64.m64(gpr64) jmp.64.m64(rel0)
rol.32(gpr32,imm32) add.32(gpr32,gpr32)
add.64(gpr64,gpr64) cmp.64(gpr64,gpr64)
sub.64(gpr64,gpr64) mov.64(gpr64,gpr64)
add.64(gpr64,imm64) pop.64.m64(gpr64)
mov.32(gpr32,gpr32) and.32(gpr32,gpr32)
mov.64(gpr64,mem64)@bd test.64(gpr64,gpr64)
xor.32(gpr32,gpr32) lea.32(gpr32,mem0)@sib
xor.32(gpr32,gpr32) and.32(gpr32,gpr32)
test.64(gpr64,gpr64) jne.64.m64(rel0)
lea.32(gpr32,mem0)@sib mov.32(gpr32,gpr32)
add.32(gpr32,gpr32) mov.32(mem32,gpr32)@bd
add.32(gpr32,gpr32) cmp.64(gpr64,imm64)
jne.64.m64(rel0) mov.64(gpr64,mem64)@bd
and.32(gpr32,gpr32) add.32(gpr32,gpr32)
add.32(gpr32,mem32)@sib not.32(gpr32)
ror.32(gpr32,imm32) and.32(gpr32,gpr32)
not.32(gpr32) inc.64(gpr64)
mov.32(gpr32,gpr32) add.32(gpr32,mem32)@sib
inc.64(gpr64) and.32(gpr32,gpr32)
add.32(gpr32,mem32)@sib add.32(gpr32,mem32)@sib
mov.32(gpr32,mem32)@bd test.32(gpr32,gpr32)
xor.32(gpr32,gpr32) jmp.64.m64(rel0)
lea.64(gpr64,mem0)@bd mov.64(gpr64,gpr64)
xor.32(gpr32,gpr32) add.32(gpr32,gpr32)
xor.32(gpr32,gpr32) mov.32(gpr32,mem32)@bd
add.64(gpr64,imm64) movzx.32(gpr32,mem8)@bd
movsxd.64(gpr64,mem32)@bd add.64(gpr64,gpr64)
cmp.64(gpr64,imm64) jne.64.m64(rel0)
je.64.m64(rel0) mov.64(gpr64,gpr64)
je.64.m64(rel0) xor.32(gpr32,gpr32)
mov.64(gpr64,gpr64) mov.32(gpr32,gpr32)
add.64(gpr64,imm64) mov.32(gpr32,gpr32)
push.64.m64(gpr64) mov.32(gpr32,gpr32)
cmp.64(gpr64,imm64) ja.64.m64(rel0)
mov.64(gpr64,mem64)@seg mov.64(mem64,gpr64)@bd
mov.32(mem32,gpr32)@bd cmp.64(gpr64,gpr64)
cmp.32(gpr32,imm32) jbe.64.m64(rel0)
sar.64(gpr64,imm64) add.64(gpr64,gpr64)
add.64(gpr64,gpr64) sar.64(gpr64,1)
shr.64(gpr64,imm64) sar.64(gpr64,imm64)
lea.64(gpr64,mem0)@sib movsxd.64(gpr64,mem32)@bd
sar.64(gpr64,1) lea.64(gpr64,mem0)@sib
movzx.32(gpr32,mem8)@bd jmp.64.m64(rel0)
mov.64(gpr64,gpr64) pop.64.m64(gpr64)
mov.64(gpr64,mem64)@bd sub.64(gpr64,mem64)@seg
call.64.m64(rel0) nop.32(mem32)@sib
cmp.32(mem8,imm8)@bd je.64.m64(rel0)
mov.32(gpr32,mem32)@bd add.64(gpr64,imm64)
jne.64.m64(rel0) add.64(gpr64,imm64)
mov.32(gpr32,gpr32) mov.64(gpr64,gpr64)
mov.32(gpr32,gpr32) push.64.m64(gpr64)
mov.32(gpr32,mem32)@bd add.32(gpr32,mem32)@bd
add.32(gpr32,mem32)@bd rol.32(gpr32,imm32)
shr.32(gpr32,imm32) rol.32(gpr32,imm32)
shr.32(gpr32,imm32) ror.32(gpr32,imm32)
mov.64(gpr64,gpr64) mov.64(gpr64,mem64)@bd
mov.64(gpr64,gpr64) add.64(gpr64,imm64)
mov.64(gpr64,gpr64) movzx.32(gpr32,mem8)@bd
push.64.m64(gpr64) sub.64(gpr64,imm64)
cmp.32(gpr32,imm32) jne.64.m64(rel0)
mov.64(gpr64,mem64)@bd call.64.m64(rel0)
test.32(gpr32,gpr32) jns.64.m64(rel0)
add.64(gpr64,imm64) test.32(mem8,imm8)@bd
mov.32(gpr32,mem32)@bd mov.64(gpr64,mem64)@bd
mov.32(gpr32,gpr32) and.32(gpr32,imm32)
jne.64.m64(rel0) cmp.32(gpr8,imm8)
mov.64(gpr64,mem64)@bd mov.64(mem64,gpr64)@bd
mov.64(mem64,gpr64)@bd mov.64(gpr64,mem64)@bd
mov.64(gpr64,gpr64) sub.64(gpr64,imm64)
mov.64(gpr64,gpr64) cmp.64(gpr64,gpr64)
test.32(gpr8,imm8) je.64.m64(rel0)
mov.32(gpr32,gpr32) sub.32(gpr32,gpr32)
mov.64(gpr64,mem64)@bd mov.32(gpr32,mem32)@bd
sub.64(gpr64,mem64)@seg jne.64.m64(rel0)
mov.64(gpr64,mem64)@bd lea.64(gpr64,mem0)@bd
jae.64.m64(rel0) lea.64(gpr64,mem0)@bd
add.64(gpr64,imm64) mov.64(gpr64,gpr64)
test.32(gpr32,imm32) jne.64.m64(rel0)
mov.64(mem64,gpr64)@bd xor.32(gpr32,gpr32)
not.64(gpr64) add.64(gpr64,mem64)@rip
jns.64.m64(rel0) not.64(gpr64)
mov.32(mem32,gpr32)@bd mov.32(gpr32,mem32)@bd
lea.64(gpr64,mem0)@bd cmp.64(gpr64,gpr64)
je.64.m64(rel0) jmp.64.m64(rel0)
lea.64(gpr64,mem0)@bd mov.64(mem64,gpr64)@bd
jne.64.m64(rel0) mov.64(gpr64,gpr64)
add.64(gpr64,mem64)@rip cmp.64(gpr64,gpr64)
mov.64(mem64,imm64)@bd mov.64(mem64,imm64)@bd
mov.32(gpr32,mem32)@bd cmp.32(gpr32,imm32)
cmp.64(mem64,gpr64)@bd jne.64.m64(rel0)
cmp.32(gpr32,mem32)@bd jae.64.m64(rel0)
sub.64(gpr64,imm64) add.64(gpr64,imm64)
add.64(gpr64,imm64) mov.32(mem8,gpr8)@bd
xor.32(gpr32,gpr32) pop.64.m64(gpr64)
mov.32(mem8,gpr8)@bd sub.64(gpr64,imm64)
jne.64.m64(rel0) jmp.64.m64(rel0)
mov.64(mem64,gpr64)@bd jmp.64.m64(rel0)
movsxd.64(gpr64,mem32)@sib test.32(gpr32,gpr32)
movsxd.64(gpr64,gpr32) movsxd.64(gpr64,mem32)@sib
add.32(gpr32,gpr32) add.32(gpr32,gpr32)
mov.64(gpr64,gpr64) test.64(gpr64,gpr64)
add.64(gpr64,imm64) cmp.64(gpr64,imm64)
jne.64.m64(rel0) cmp.32(mem8,imm8)@bd
sub.64(gpr64,gpr64) cmp.64(gpr64,imm64)
mov.64(gpr64,gpr64) jmp.64.m64(rel0)
cmp.64(gpr64,gpr64) cmovb.64(gpr64,gpr64)
sub.32(gpr32,imm32) cmp.32(gpr32,imm32)
mov.64(gpr64,mem64)@bd test.32(gpr8,imm8)
je.64.m64(rel0) mov.32(gpr32,mem32)@bd
mov.64(gpr64,mem64)@bd cmp.64(mem64,gpr64)@bd
mov.64(gpr64,mem64)@bd cmp.64(gpr64,gpr64)
mov.32(gpr32,gpr32) call.64.m64(rel0)
mov.32(gpr32,imm32) mov.64(gpr64,gpr64)
mov.32(gpr32,mem32)@bd mov.32(mem32,gpr32)@bd
add.32(gpr32,imm32) add.64(gpr64,imm64)
mov.32(gpr32,mem32)@bd lea.32(gpr32,mem0)@bd
jmp.64.m64(rel0) movzx.32(gpr32,mem8)@sib
mov.64(gpr64,gpr64) je.64.m64(rel0)
add.64(gpr64,gpr64) movsxd.64(gpr64,gpr32)
cmovb.64(gpr64,gpr64) cmovae.64(gpr64,gpr64)
shr.64(gpr64,1) add.64(gpr64,gpr64)
cmp.32(gpr32,gpr32) jae.64.m64(rel0)
jne.64.m64(rel0) mov.32(gpr32,imm32)
je.64.m64(rel0) lea.32(gpr32,mem0)@bd
jae.64.m64(rel0) mov.64(gpr64,mem64)@bd
add.32(gpr32,imm32) cmp.32(gpr32,gpr32)
test.32(gpr32,imm32) je.64.m64(rel0)
mov.32(mem32,gpr32)@bd mov.32(mem32,gpr32)@bd
lea.64(gpr64,mem0)@sib lea.64(gpr64,mem0)@sib
xor.32(gpr32,gpr32) mov.64(gpr64,gpr64)
push.64.m64(gpr64) mov.64(gpr64,mem64)@rip
sub.32(gpr32,gpr32) cmp.32(gpr32,mem32)@bd
cmp.64(gpr64,imm64) jbe.64.m64(rel0)
jne.64.m64(rel0) movsx.32(gpr32,gpr8)
mov.64(mem64,gpr64)@bd call.64.m64(rel0)
jne.64.m64(rel0) mov.32(gpr32,mem32)@bd
movsx.32(gpr32,gpr8) sub.32(gpr32,imm32)
dec.32(mem32) je.64.m64(rel0)
xor.32(gpr32,gpr32) rol.32(gpr32,imm32)
mov.64(mem64,gpr64)@bd mov.64(gpr64,gpr64)
cmp.32(gpr32,gpr32) je.64.m64(rel0)
lea.32(gpr32,mem0)@bd mov.32(mem32,gpr32)@bd
add.64(gpr64,gpr64) add.64(gpr64,gpr64)
xor.32(gpr32,gpr32) mov.32(gpr32,imm32)
jmp.64.m64(rel0) mov.32(gpr32,mem32)@bd
inc.32(mem32)@bd mov.32(gpr32,mem32)@bd
add.32(gpr32,gpr32) xor.32(gpr32,gpr32)
test.32(gpr32,gpr32) js.64.m64(rel0)
jbe.64.m64(rel0) movzx.32(gpr32,gpr8)
je.64.m64(rel0) cmp.32(mem8,imm8)@bd
movzx.32(gpr32,mem16)@sib mov.64(gpr64,gpr64)
mov.64(gpr64,gpr64) and.64(gpr64,imm64)
and.32(gpr32,imm32) cmp.32(gpr32,imm32)
cmp.32(gpr32,gpr32) jb.64.m64(rel0)
mov.64(gpr64,gpr64) mov.64(mem64,gpr64)@bd
mov.32(mem8,imm8)@bd xor.32(gpr32,gpr32)
call.64.m64(rel0) push.64.m64(gpr64)
mov.64(gpr64,imm64) mov.64(gpr64,gpr64)
sbb.32(gpr32,gpr32) or.32(gpr32,imm32)
cmp.32(mem32,gpr32)@bd je.64.m64(rel0)
je.64.m64(rel0) sbb.32(gpr32,gpr32)
mov.64(gpr64,gpr64) mov.32(gpr32,imm32)
xor.32(gpr32,gpr32) ret.64.m64()
cmp.64(mem64,imm64)@bd je.64.m64(rel0)
mov.32(gpr32,mem32)@bd mov.64(gpr64,gpr64)
and.32(gpr32,imm32) je.64.m64(rel0)
mov.32(gpr32,mem32)@bd cmp.32(gpr32,gpr32)
mov.32(gpr32,imm32) jmp.64.m64(rel0)
mov.32(gpr32,imm32) add.64(gpr64,imm64)
mov.64(gpr64,gpr64) xor.32(gpr32,gpr32)
lea.32(gpr32,mem0)@bd cmp.32(gpr32,imm32)
mov.64(gpr64,mem64)@bd mov.64(gpr64,mem64)@sib
test.32(mem8,imm8)@bd je.64.m64(rel0)
cmp.32(gpr8,mem8)@sib jne.64.m64(rel0)
inc.64(gpr64) cmp.32(mem8,imm8)@bd
mov.32(gpr32,imm32) cmp.16(gpr16,gpr16)
cmp.16(gpr16,gpr16) cmovb.32(gpr32,gpr32)
mov.16(gpr16,mem16)@sib mov.32(gpr32,imm32)
cmovb.32(gpr32,gpr32) add.16(gpr16,imm16)
add.16(gpr16,imm16) mov.16(mem16,gpr16)@sib
sub.32(gpr32,imm32) jne.64.m64(rel0)
movzx.32(gpr32,mem8)@bd movzx.32(gpr32,mem16)@sib
jmp.64.m64(rel0) mov.64(gpr64,gpr64)
lea.32(gpr32,mem0)@bd mov.32(gpr32,gpr32)
nop.32(mem32)@sib mov.64(gpr64,mem64)@bd
mov.64(gpr64,mem64)@bd jmp.64.m64(rel0)
mov.32(gpr32,imm32) call.64.m64(rel0)
je.64.m64(rel0) lea.64(gpr64,mem0)@bd
ret.64.m64() test.32(gpr32,gpr32)
je.64.m64(rel0) mov.32(gpr32,imm32)
add.64(gpr64,imm64) cmp.32(mem32,gpr32)@bd
je.64.m64(rel0) test.64(gpr64,gpr64)
mov.32(gpr32,gpr32) pop.64.m64(gpr64)
mov.32(gpr32,gpr32) mov.32(gpr32,imm32)
mov.32(mem32,gpr32)@sib add.64(gpr64,imm64)
sub.64(gpr64,imm64) mov.64(gpr64,mem64)@seg
and.32(gpr32,imm32) mov.32(mem32,gpr32)@bd
mov.32(gpr8,mem8)@bd test.32(gpr8,gpr8)
mov.32(gpr32,imm32) mov.32(gpr32,imm32)
mov.64(gpr64,mem64)@bd cmp.64(gpr64,mem64)@bd
mov.64(gpr64,gpr64) and.32(gpr32,imm32)
xor.32(gpr32,gpr32) call.64.m64(rel0)
push.64.m64(gpr64) mov.64(gpr64,mem64)@bd
and.32(gpr32,imm32) jne.64.m64(rel0)
mov.64(gpr64,mem64)@bd and.32(gpr32,imm32)
mov.32(gpr32,gpr32) cmp.32(gpr32,gpr32)
movzx.32(gpr32,mem8)@bd movd.32(xmm128,mem32)@sib
cmp.64(mem64,gpr64)@bd je.64.m64(rel0)
mov.32(gpr32,mem32)@bd add.32(gpr32,gpr32)
jae.64.m64(rel0) mov.64(gpr64,gpr64)
lea.64(gpr64,mem0)@bd je.64.m64(rel0)
mov.32(gpr8,mem8)@sib cmp.32(gpr8,mem8)@sib
shl.64(gpr64,imm64) add.64(gpr64,gpr64)
xor.32(gpr32,gpr32) and.32(gpr32,imm32)
mov.32(mem32,gpr32)@bd mov.32(gpr32,gpr32)
je.64.m64(rel0) add.32(gpr32,imm32)
cmp.32(mem8,imm8)@bd mov.64(gpr64,gpr64)
jne.64.m64(rel0) push.64.m64(gpr64)
je.64.m64(rel0) ret.64.m64()
jmp.64.m64(rel0) sub.32(gpr32,imm32)
mov.64(gpr64,gpr64) mov.32(gpr8,mem8)@bd
mov.64(gpr64,gpr64) lea.64(gpr64,mem0)@bd
mov.64(gpr64,mem64)@bd lea.32(gpr32,mem0)@bd
mov.32(gpr32,gpr32) cmp.32(gpr32,imm32)
cmp.32(mem32,imm32)@bd jne.64.m64(rel0)
mov.64(gpr64,gpr64) cmp.64(gpr64,imm64)
ret.64.m64() mov.64(gpr64,gpr64)
lea.64(gpr64,mem0)@bd cmp.64(mem64,gpr64)@bd
sub.64(gpr64,imm64) mov.64(mem64,gpr64)@bd
inc.64(gpr64) jmp.64.m64(rel0)
jb.64.m64(rel0) movzx.32(gpr32,mem8)@bd
mov.32(gpr32,gpr32) mov.64(gpr64,mem64)@bd
cmp.32(gpr32,imm32) jb.64.m64(rel0)
mov.64(mem64,gpr64)@bd movzx.32(gpr32,mem8)@bd
mov.64(gpr64,mem64)@bd mov.32(gpr32,gpr32)
lea.64(gpr64,mem0)@sib cmp.64(gpr64,gpr64)
or.32(gpr32,imm32) jmp.64.m64(rel0)
movzx.32(gpr32,mem8)@bd mov.32(gpr32,gpr32)
mov.32(gpr32,mem32)@bd mov.32(gpr32,gpr32)
cmp.64(gpr64,mem64)@bd jae.64.m64(rel0)
mov.32(mem32,gpr32)@bd test.32(gpr32,gpr32)
cmp.32(gpr8,mem8)@bd jne.64.m64(rel0)
mov.64(gpr64,mem64)@bd mov.32(mem32,gpr32)@bd
add.64(gpr64,gpr64) mov.64(gpr64,gpr64)
nop.32(mem32)@sib movzx.32(gpr32,gpr8)
mov.32(gpr32,mem32)@sib lea.64(gpr64,mem0)@bd
add.64(gpr64,imm64) call.64.m64(rel0)
mov.64(gpr64,gpr64) shl.64(gpr64,imm64)
bswap.32(gpr32) mov.32(mem32,gpr32)@sib
movzx.32(gpr32,mem8)@bd and.32(gpr32,imm32)
lea.64(gpr64,mem0)@bd bswap.32(gpr32)
push.64.m64(gpr64) cmp.32(mem8,imm8)@bd
movzx.32(gpr32,gpr8) mov.32(gpr32,mem32)@sib
mov.64(gpr64,gpr64) add.64(gpr64,gpr64)
and.32(gpr32,imm32) cmp.32(gpr32,gpr32)
mov.32(gpr32,gpr32) ret.64.m64()
xor.32(gpr32,gpr32) mov.32(mem32,gpr32)@bd
mov.64(gpr64,mem64)@bd add.64(gpr64,imm64)
cmp.32(mem8,imm8)@bd lea.64(gpr64,mem0)@bd
je.64.m64(rel0) mov.32(gpr8,mem8)@bd
mov.64(gpr64,mem64)@rip mov.32(gpr32,imm32)
mov.32(mem32,gpr32)@bd mov.32(gpr8,mem8)@bd
mov.64(gpr64,mem64)@sib movzx.32(gpr32,mem8)@bd
sete.32(gpr8) mov.32(gpr32,gpr32)
jmp.64.m64(rel0) nop.32(mem32)@sib
mov.64(mem64,gpr64)@bd mov.32(gpr32,gpr32)
mov.64(gpr64,mem64)@sib test.64(gpr64,gpr64)
mov.64(mem64,gpr64)@bd lea.64(gpr64,mem0)@bd
sub.64(gpr64,imm64) mov.64(gpr64,mem64)@bd
mov.32(gpr32,imm32) mov.64(gpr64,imm64)
push.64.m64(gpr64) lea.64(gpr64,mem0)@bd
mov.32(gpr32,mem32)@bd and.32(gpr32,imm32)
mov.32(gpr8,mem8)@bd mov.32(mem8,gpr8)@sib
cmp.32(mem32,imm32)@bd sete.32(gpr8)
lea.64(gpr64,mem0)@bd jne.64.m64(rel0)
movd.32(xmm128,mem32)@sib movzx.32(gpr32,mem8)@bd
mov.32(gpr8,mem8)@bd inc.64(gpr64)
jmp.64.m64(rel0) mov.64(gpr64,mem64)@bd
mov.32(gpr32,mem32)@sib jmp.64.m64(rel0)
nop.32(mem32)@sib inc.32(mem32)
mov.32(gpr32,imm32) cmp.32(gpr32,imm32)
mov.64(mem64,gpr64)@bd test.64(gpr64,gpr64)
je.64.m64(rel0) test.32(gpr8,gpr8)
lea.32(gpr32,mem0)@bd mov.64(gpr64,mem64)@bd
lea.64(gpr64,mem0)@sib mov.64(mem64,gpr64)@bd
xor.32(gpr32,gpr32) movzx.32(gpr32,mem8)@sib
movzx.32(gpr32,mem8)@bd ret.64.m64()
jne.64.m64(rel0) ret.64.m64()
mov.16(mem16,gpr16)@bd mov.32(gpr32,mem32)@bd
mov.32(gpr32,gpr32) test.32(gpr32,gpr32)
mov.32(gpr32,mem32)@bd test.32(gpr32,imm32)
jmp.64.m64(rel0) call.64.m64(rel0)
mov.32(gpr32,mem32)@bd sub.32(gpr32,gpr32)
mov.32(gpr32,imm32) mov.32(gpr32,mem32)@bd
shl.32(gpr32,imm32) xor.32(gpr32,gpr32)
xor.32(gpr32,gpr32) cmp.32(mem32,imm32)@bd
mov.32(gpr32,mem32)@rip test.32(gpr32,gpr32)
mov.64(gpr64,mem64)@rip test.32(gpr32,gpr32)
ja.64.m64(rel0) mov.32(gpr32,gpr32)
cmp.32(mem8,imm8)@rip jne.64.m64(rel0)
inc.32(mem32) xor.32(gpr32,gpr32)
cmp.32(mem8,gpr8)@sib jne.64.m64(rel0)
add.32(gpr32,imm32) add.64(gpr64,gpr64)
jmp.64.m64(rel0) test.32(gpr32,gpr32)
mov.32(mem32,gpr32)@bd add.32(gpr32,imm32)
and.32(gpr32,imm32) add.32(gpr32,imm32)
mov.64(gpr64,mem64)@rip mov.64(gpr64,gpr64)
cmp.64(mem64,gpr64)@bd jb.64.m64(rel0)
lea.64(gpr64,mem0)@bd lea.64(gpr64,mem0)@bd
lea.32(gpr32,mem0)@bd xor.32(gpr32,gpr32)
mov.32(gpr32,gpr32) movsxd.64(gpr64,gpr32)
mov.32(gpr32,mem32)@bd cmp.64(gpr64,gpr64)
call.64.m64(rel0) mov.64(mem64,gpr64)@bd
mov.64(gpr64,gpr64) nop.32(mem32)@bd
mov.64(gpr64,mem64)@bd and.64(gpr64,imm64)
mov.32(gpr32,imm32) push.64.m64(gpr64)
xor.32(gpr32,gpr32) shr.32(gpr32,imm32)
add.64(gpr64,gpr64) movzx.32(gpr32,mem16)@bd
mov.32(mem32,gpr32)@bd mov.32(mem8,gpr8)@sib
mov.64(mem64,gpr64)@bd mov.32(mem32,gpr32)@bd
lea.32(gpr32,mem0)@bd inc.32(mem32)@bd
inc.32(mem32)@bd cmp.32(mem8,imm8)@rip
shr.32(gpr32,imm32) movzx.32(gpr32,gpr8)
mov.32(mem8,gpr8)@sib cmp.32(mem32,imm32)@bd
inc.64(gpr64) xor.32(gpr32,gpr32)
xor.32(gpr32,mem32)@sib jmp.64.m64(rel0)
movzx.32(gpr32,gpr8) xor.32(gpr32,mem32)@sib
mov.16(mem16,gpr16)@sib mov.16(mem16,gpr16)@bd
and.32(gpr32,imm32) movzx.32(gpr32,mem8)@sib
movzx.32(gpr32,mem8)@sib shl.32(gpr32,imm32)
movzx.32(gpr32,mem16)@bd mov.16(mem16,gpr16)@sib
mov.32(gpr32,mem32)@bd shl.32(mem8,1)@bd
test.32(gpr32,gpr32) mov.32(gpr32,mem32)@bd
`;
