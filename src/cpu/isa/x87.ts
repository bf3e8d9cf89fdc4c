/** x87 escape opcodes D8..DF: SDM Vol. 2 App. A.5, Tables. */
export const X87 = `
FADD Md | D8 !11:/0 | x87
FMUL Md | D8 !11:/1 | x87
FCOM Md | D8 !11:/2 | x87
FCOMP Md | D8 !11:/3 | x87
FSUB Md | D8 !11:/4 | x87
FSUBR Md | D8 !11:/5 | x87
FDIV Md | D8 !11:/6 | x87
FDIVR Md | D8 !11:/7 | x87
FADD ST0,STi | D8 11:/0 | x87
FMUL ST0,STi | D8 11:/1 | x87
FCOM STi | D8 11:/2 | x87
FCOMP STi | D8 11:/3 | x87
FSUB ST0,STi | D8 11:/4 | x87
FSUBR ST0,STi | D8 11:/5 | x87
FDIV ST0,STi | D8 11:/6 | x87
FDIVR ST0,STi | D8 11:/7 | x87
FLD Md | D9 !11:/0 | x87
FST Md | D9 !11:/2 | x87
FSTP Md | D9 !11:/3 | x87
FLDENV M | D9 !11:/4 | x87 suffixwd
FLDCW Mw | D9 !11:/5 | x87
FNSTENV M | D9 !11:/6 | x87 suffixwd
FNSTCW Mw | D9 !11:/7 | x87
FLD STi | D9 11:/0 | x87
FXCH STi | D9 11:/1 | x87
FNOP | D9 D0 | x87
FCHS | D9 E0 | x87
FABS | D9 E1 | x87
FTST | D9 E4 | x87
FXAM | D9 E5 | x87
FLD1 | D9 E8 | x87
FLDL2T | D9 E9 | x87
FLDL2E | D9 EA | x87
FLDPI | D9 EB | x87
FLDLG2 | D9 EC | x87
FLDLN2 | D9 ED | x87
FLDZ | D9 EE | x87
F2XM1 | D9 F0 | x87
FYL2X | D9 F1 | x87
FPTAN | D9 F2 | x87
FPATAN | D9 F3 | x87
FXTRACT | D9 F4 | x87
FPREM1 | D9 F5 | x87
FDECSTP | D9 F6 | x87
FINCSTP | D9 F7 | x87
FPREM | D9 F8 | x87
FYL2XP1 | D9 F9 | x87
FSQRT | D9 FA | x87
FSINCOS | D9 FB | x87
FRNDINT | D9 FC | x87
FSCALE | D9 FD | x87
FSIN | D9 FE | x87
FCOS | D9 FF | x87
FIADD Md | DA !11:/0 | x87
FIMUL Md | DA !11:/1 | x87
FICOM Md | DA !11:/2 | x87
FICOMP Md | DA !11:/3 | x87
FISUB Md | DA !11:/4 | x87
FISUBR Md | DA !11:/5 | x87
FIDIV Md | DA !11:/6 | x87
FIDIVR Md | DA !11:/7 | x87
FCMOVB ST0,STi | DA 11:/0 | cmov lift=fcmovcc
FCMOVE ST0,STi | DA 11:/1 | cmov lift=fcmovcc
FCMOVBE ST0,STi | DA 11:/2 | cmov lift=fcmovcc
FCMOVU ST0,STi | DA 11:/3 | cmov lift=fcmovcc
FUCOMPP | DA E9 | x87
FILD Md | DB !11:/0 | x87
FISTTP Md | DB !11:/1 | sse3
FIST Md | DB !11:/2 | x87
FISTP Md | DB !11:/3 | x87
FLD Mt | DB !11:/5 | x87
FSTP Mt | DB !11:/7 | x87
FCMOVNB ST0,STi | DB 11:/0 | cmov lift=fcmovcc
FCMOVNE ST0,STi | DB 11:/1 | cmov lift=fcmovcc
FCMOVNBE ST0,STi | DB 11:/2 | cmov lift=fcmovcc
FCMOVNU ST0,STi | DB 11:/3 | cmov lift=fcmovcc
FNENI | DB E0 | lift=fnop_nowait x87
FNDISI | DB E1 | lift=fnop_nowait x87
FNCLEX | DB E2 | x87
FNINIT | DB E3 | x87
FNSETPM | DB E4 | lift=fnop_nowait x87
FUCOMI ST0,STi | DB 11:/5 | x87
FCOMI ST0,STi | DB 11:/6 | x87
FADD Mq | DC !11:/0 | x87
FMUL Mq | DC !11:/1 | x87
FCOM Mq | DC !11:/2 | x87
FCOMP Mq | DC !11:/3 | x87
FSUB Mq | DC !11:/4 | x87
FSUBR Mq | DC !11:/5 | x87
FDIV Mq | DC !11:/6 | x87
FDIVR Mq | DC !11:/7 | x87
FADD STi,ST0 | DC 11:/0 | lift=fadd_sti x87
FMUL STi,ST0 | DC 11:/1 | lift=fmul_sti x87
FSUBR STi,ST0 | DC 11:/4 | lift=fsubr_sti x87
FSUB STi,ST0 | DC 11:/5 | lift=fsub_sti x87
FDIVR STi,ST0 | DC 11:/6 | lift=fdivr_sti x87
FDIV STi,ST0 | DC 11:/7 | lift=fdiv_sti x87
FLD Mq | DD !11:/0 | x87
FISTTP Mq | DD !11:/1 | sse3
FST Mq | DD !11:/2 | x87
FSTP Mq | DD !11:/3 | x87
FRSTOR M | DD !11:/4 | x87 suffixwd
FNSAVE M | DD !11:/6 | x87 suffixwd
FNSTSW Mw | DD !11:/7 | x87
FFREE STi | DD 11:/0 | x87
FST STi | DD 11:/2 | x87
FSTP STi | DD 11:/3 | x87
FUCOM STi | DD 11:/4 | x87
FUCOMP STi | DD 11:/5 | x87
FIADD Mw | DE !11:/0 | x87
FIMUL Mw | DE !11:/1 | x87
FICOM Mw | DE !11:/2 | x87
FICOMP Mw | DE !11:/3 | x87
FISUB Mw | DE !11:/4 | x87
FISUBR Mw | DE !11:/5 | x87
FIDIV Mw | DE !11:/6 | x87
FIDIVR Mw | DE !11:/7 | x87
FADDP STi,ST0 | DE 11:/0 | x87
FMULP STi,ST0 | DE 11:/1 | x87
FSUBRP STi,ST0 | DE 11:/4 | x87
FSUBP STi,ST0 | DE 11:/5 | x87
FDIVRP STi,ST0 | DE 11:/6 | x87
FDIVP STi,ST0 | DE 11:/7 | x87
FCOMPP | DE D9 | x87
FILD Mw | DF !11:/0 | x87
FISTTP Mw | DF !11:/1 | sse3
FIST Mw | DF !11:/2 | x87
FISTP Mw | DF !11:/3 | x87
FBLD Mt | DF !11:/4 | x87
FILD Mq | DF !11:/5 | x87
FBSTP Mt | DF !11:/6 | x87
FISTP Mq | DF !11:/7 | x87
FFREEP STi | DF 11:/0 | x87
FNSTSW AX | DF E0 | x87
FUCOMIP ST0,STi | DF 11:/5 | x87
FCOMIP ST0,STi | DF 11:/6 | x87
# --- undocumented aliases that every x87 since the 287 executes
FCOM STi | DC 11:/2 | lift=fcom x87
FCOMP STi | DC 11:/3 | x87
FXCH STi | DD 11:/1 | x87
FCOMP STi | DE 11:/2 | x87
FXCH STi | DF 11:/1 | x87
FSTP STi | DF 11:/2 | x87
FSTP STi | DF 11:/3 | x87
FSTP STi | D9 11:/3 | lift=fstp_nocheck x87
`;
