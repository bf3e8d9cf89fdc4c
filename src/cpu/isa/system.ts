/** System instructions: SDM Vol. 2 App. A, Tables A-3 and A-6 (groups 6, 7, 9, 15); SVM from AMD APM Vol. 3 §4. */
export const SYSTEM = `
# --- group 6
SLDT Mw | 0F 00 !11:/0
SLDT Rv | 0F 00 11:/0
STR Mw | 0F 00 !11:/1
STR Rv | 0F 00 11:/1
LLDT Ew | 0F 00 /2 | cpl0
LTR Ew | 0F 00 /3 | cpl0
VERR Ew | 0F 00 /4
VERW Ew | 0F 00 /5

# --- group 7
SGDT Ms | 0F 01 !11:/0 | f64 suffixwd
SIDT Ms | 0F 01 !11:/1 | f64 suffixwd
LGDT Ms | 0F 01 !11:/2 | f64 cpl0 suffixwd
LIDT Ms | 0F 01 !11:/3 | f64 cpl0 suffixwd
SMSW Mw | 0F 01 !11:/4
SMSW Rv | 0F 01 11:/4
LMSW Ew | 0F 01 /6 | cpl0
INVLPG Mb | 0F 01 !11:/7 | cpl0
VMCALL | NP 0F 01 C1 | vmx
VMLAUNCH | NP 0F 01 C2 | vmx
VMRESUME | NP 0F 01 C3 | vmx
VMXOFF | NP 0F 01 C4 | vmx
MONITOR | NP 0F 01 C8 | monitor cpl0
MWAIT | NP 0F 01 C9 | monitor cpl0
CLAC | NP 0F 01 CA | smap cpl0
STAC | NP 0F 01 CB | smap cpl0
XGETBV | NP 0F 01 D0 | xsave
XSETBV | NP 0F 01 D1 | xsave cpl0
VMFUNC | NP 0F 01 D4 | vmx
XEND | NP 0F 01 D5 | rtm
XTEST | NP 0F 01 D6 | rtm
VMRUN | 0F 01 D8 | svm cpl0
VMMCALL | 0F 01 D9 | svm
VMLOAD | 0F 01 DA | svm cpl0
VMSAVE | 0F 01 DB | svm cpl0
STGI | 0F 01 DC | svm cpl0
CLGI | 0F 01 DD | svm cpl0
SKINIT | 0F 01 DE | svm cpl0
INVLPGA | 0F 01 DF | svm cpl0
RDPKRU | NP 0F 01 EE | pku
WRPKRU | NP 0F 01 EF | pku
SWAPGS | 0F 01 F8 | o64 cpl0
RDTSCP | 0F 01 F9 | rdtscp
MONITORX | NP 0F 01 FA | monitorx
MWAITX | NP 0F 01 FB | monitorx
CLZERO | NP 0F 01 FC | clzero

SYSCALL | 0F 05 | o64
CLTS | 0F 06 | cpl0
SYSRETD/SYSRETD/SYSRETQ | 0F 07 | o64 cpl0 lift=sysret aka=SYSRET
INVD | 0F 08 | cpl0
WBINVD | 0F 09 | cpl0
WBNOINVD | F3 0F 09 | wbnoinvd cpl0
MOV Rpt,Cpt | 0F 20 /r | f64 cpl0 lift=mov_from_cr
MOV Rpt,Dpt | 0F 21 /r | f64 cpl0 lift=mov_from_dr
MOV Cpt,Rpt | 0F 22 /r | f64 cpl0 lift=mov_to_cr
MOV Dpt,Rpt | 0F 23 /r | f64 cpl0 lift=mov_to_dr
WRMSR | 0F 30 | cpl0
RDTSC | 0F 31
RDMSR | 0F 32 | cpl0
RDPMC | 0F 33
SYSENTER | 0F 34 | sep
SYSEXIT | 0F 35 | i64 sep cpl0
SYSEXITD/SYSEXITD/SYSEXITQ | 0F 35 | o64 sep cpl0 lift=sysexit aka=SYSEXIT
GETSEC | NP 0F 37 | smx
VMREAD Ept,Gpt | NP 0F 78 /r | f64 vmx cpl0
VMWRITE Gpt,Ept | NP 0F 79 /r | f64 vmx cpl0
RSM | 0F AA

# --- group 15
FXSAVE/FXSAVE/FXSAVE64 M | NP 0F AE !11:/0 | fxsr
FXRSTOR/FXRSTOR/FXRSTOR64 M | NP 0F AE !11:/1 | fxsr
LDMXCSR Md | NP 0F AE !11:/2 | sse
STMXCSR Md | NP 0F AE !11:/3 | sse
XSAVE/XSAVE/XSAVE64 M | NP 0F AE !11:/4 | xsave
XRSTOR/XRSTOR/XRSTOR64 M | NP 0F AE !11:/5 | xsave
XSAVEOPT/XSAVEOPT/XSAVEOPT64 M | NP 0F AE !11:/6 | xsaveopt
CLFLUSH Mb | NP 0F AE !11:/7 | clfsh
CLWB Mb | 66 0F AE !11:/6 | clwb
CLFLUSHOPT Mb | 66 0F AE !11:/7 | clflushopt
LFENCE | NP 0F AE 11:/5 | sse2
MFENCE | NP 0F AE 11:/6 | sse2
SFENCE | NP 0F AE 11:/7 | sse
RDFSBASE Ry | F3 0F AE 11:/0 | o64 fsgsbase
RDGSBASE Ry | F3 0F AE 11:/1 | o64 fsgsbase
WRFSBASE Ry | F3 0F AE 11:/2 | o64 fsgsbase
WRGSBASE Ry | F3 0F AE 11:/3 | o64 fsgsbase

# --- group 9
XRSTORS/XRSTORS/XRSTORS64 M | NP 0F C7 !11:/3 | xsaves cpl0
XSAVEC/XSAVEC/XSAVEC64 M | NP 0F C7 !11:/4 | xsavec
XSAVES/XSAVES/XSAVES64 M | NP 0F C7 !11:/5 | xsaves cpl0
VMPTRLD Mq | NP 0F C7 !11:/6 | vmx cpl0
VMCLEAR Mq | 66 0F C7 !11:/6 | vmx cpl0
VMXON Mq | F3 0F C7 !11:/6 | vmx cpl0
VMPTRST Mq | NP 0F C7 !11:/7 | vmx cpl0

INVEPT Gpt,Mdq | 66 0F 38 80 !11:/r | vmx cpl0
INVVPID Gpt,Mdq | 66 0F 38 81 !11:/r | vmx cpl0
INVPCID Gpt,Mdq | 66 0F 38 82 !11:/r | invpcid cpl0
`;
