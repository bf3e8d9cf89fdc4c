/**
 * Profiled form keys, hottest first, a line each; those that 32-bit code has besides; then sequences of two. Written by tools/profile-forms.ts.
 */
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
swapgs.32.m64()
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
`;

export const HOT_KEYS_32 = `
mov.32(gpr32,mem32)@bd32
mov.32(mem32,gpr32)@bd32
push.32.mflat(gpr32)
pop.32.mflat(gpr32)
ret.32.mflat()
call.32.mflat(rel0)
cmp.32(mem32,gpr32)@bd32
lea.32(gpr32,mem0)@bd32
sub.32(gpr32,mem32)@bd32
sbb.32(gpr32,mem32)@bd32
pause.32()
rdtscp.32()
movzx.32(gpr32,mem8)@bd32
lea.32(gpr32,mem0)@sib32
mov.32(mem32,imm32)@bd32
cmp.32(mem8,imm8)@bd32
add.32(gpr32,mem32)@sib32
mov.32(gpr32,mem32)@sib32
test.32(mem8,imm8)@bd32
mov.32(gpr8,mem8)@bd32
cmp.32(mem32,imm32)@bd32
lods.32.a32.mflat(gpr8,mem8)
mov.32(mem8,gpr8)@bd32
mov.32(mem32,gpr32)@sib32
scas.32.a32.mflat(gpr8,mem8)
add.32(gpr32,mem32)@bd32
add.32(mem32,imm32)@bd32
imul2.32(gpr32,gpr32)
push.32.mflat(mem32)@bd32
in.32(gpr8,imm8)
leave.32.mflat()
mov.32(mem8,imm8)@bd32
cmp.32(gpr32,mem32)@bd32
movzx.32(gpr32,mem16)@sib32
inc.32(mem32)@bd32
scas.32.a32.repne.mflat(gpr8,mem8)
sub.32(gpr32,mem32)
mov.16(mem16,gpr16)@sib32
cmp.32(gpr8,mem8)@bd32
movzx.32(gpr32,mem16)@bd32
push.32.mflat(imm0)
mov.32(mem8,gpr8)@sib32
mov.16(mem16,gpr16)@bd32
movzx.32(gpr32,mem8)@sib32
mov.16(gpr16,mem16)@sib32
jmp.32.mflat(gpr32)
adc.32(gpr32,gpr32)
cmpxchg.32(mem32,gpr32)@bd32
mov.32(gpr8,mem8)@sib32
cmovae.32(gpr32,mem32)@bd32
xor.32(gpr32,mem32)@sib32
cmp.32(mem8,gpr8)@sib32
and.32(gpr32,mem32)@bd32
inc.16(mem16)@sib32
shl.32(mem8,1)@bd32
test.32(mem32,imm32)@bd32
pushf.32.mflat()
xor.32(gpr32,mem32)@bd32
or.32(gpr32,mem32)@bd32
sub.32(mem32,imm32)@bd32
add.32(mem32,gpr32)@bd32
and.32(mem32,imm32)@bd32
bt.32(mem32,imm32)@bd32
add.32(gpr32,mem32)
movsx.32(gpr32,mem8)@bd32
movs.32.a32.rep.mflat(mem8,mem8)
movs.32.a32.rep.mflat(mem32,mem32)
call.32.mflat(mem32)@bd32
stos.32.a32.rep.mflat(mem32,gpr32)
dec.32(mem32)@bd32
cmp.32(mem8,gpr8)@bd32
mov.32(mem32,gpr32)
movdqa.32(xmm128,mem128)@bd32
stos.32.a32.rep.mflat(mem8,gpr8)
sub.32(mem32,gpr32)@bd32
btr.32(mem32,imm32)@bd32
jmp.32.mflat(mem32)@bd32
xchg.32(gpr32,gpr32)
push.32.mflat(seg16)
cmps.32.a32.rep.mflat(mem8,mem8)
or.32(mem32,imm32)@bd32
movdqu.32(xmm128,mem128)@sib32
shrd.32(gpr32,gpr32,imm32)
cld.32()
cmpxchg8b.32(mem64)
adc.32(gpr32,mem32)@bd32
adc.32(mem32,gpr32)@bd32
xadd.32(mem32,gpr32)@bd32
bt.32(mem32,gpr32)@bd32
mul.32(gpr32)
fld.32(mem64)@bd32
invlpg.32(mem8)@bd32
cmpxchg8b.32(mem64)@bd32
shrd.32(gpr32,gpr32,gpr8)
movdqu.32(xmm128,mem128)@bd32
fstp.32(mem64)@bd32
mov_to_seg.32(seg16,gpr32)
setne.32(mem8)@bd32
xchg.32(mem32,gpr32)@bd32
cmp.32(mem8,imm8)@sib32
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
`;
