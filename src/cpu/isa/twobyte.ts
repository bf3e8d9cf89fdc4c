/** Two- and three-byte opcode maps, general-purpose instructions: SDM Vol. 2 App. A, Tables. */
export const TWO_BYTE = `
LAR Gv,Mw | 0F 02 !11:/r
LAR Gv,Rv | 0F 02 11:/r
LSL Gv,Mw | 0F 03 !11:/r
LSL Gv,Rv | 0F 03 11:/r
UD2 | 0F 0B
PREFETCH Mb | 0F 0D /0 | prfchw
PREFETCHW Mb | 0F 0D /1 | prfchw
PREFETCHWT1 Mb | 0F 0D /2 | prfchw
PREFETCH Mb | 0F 0D /3 | prfchw
PREFETCH Mb | 0F 0D /4 | prfchw
PREFETCH Mb | 0F 0D /5 | prfchw
PREFETCH Mb | 0F 0D /6 | prfchw
PREFETCH Mb | 0F 0D /7 | prfchw

# --- hint NOPs (SDM Vol. 2 App. A, Table A-3: Prefetch, reserved NOP)
PREFETCHNTA Mb | 0F 18 /0 | sse
PREFETCHT0 Mb | 0F 18 /1 | sse
PREFETCHT1 Mb | 0F 18 /2 | sse
PREFETCHT2 Mb | 0F 18 /3 | sse
NOP Ev | 0F 1F /r
NOP Ev | 0F 0D 11:/r
NOP Ev | 0F 18 /r
NOP Ev | 0F 19 /r
NOP Ev | 0F 1A /r
NOP Ev | 0F 1B /r
CLDEMOTE Mb | NP 0F 1C /0 | cldemote
NOP Ev | 0F 1C /r
NOP Ev | 0F 1D /r
ENDBR64 | F3 0F 1E FA | lift=nop
ENDBR32 | F3 0F 1E FB | lift=nop
RDSSPD/RDSSPD/RDSSPQ Ry | F3 0F 1E 11:/1 | lift=nop
NOP Ev | 0F 1E /r

CMOVcc Gv,Ev | 0F 40+cc /r | cmov
Jcc Jz | 0F 80+cc | f64
SETcc Eb | 0F 90+cc /r
PUSH FS | 0F A0 | d64 suffix
POP FS | 0F A1 | d64 suffix
CPUID | 0F A2
BT Ev,Gv | 0F A3 /r
SHLD Ev,Gv,Ib | 0F A4 /r
SHLD Ev,Gv,CL | 0F A5 /r
PUSH GS | 0F A8 | d64 suffix
POP GS | 0F A9 | d64 suffix
BTS Ev,Gv | 0F AB /r | lock
SHRD Ev,Gv,Ib | 0F AC /r
SHRD Ev,Gv,CL | 0F AD /r
IMUL Gv,Ev | 0F AF /r | lift=imul2
CMPXCHG Eb,Gb | 0F B0 /r | lock
CMPXCHG Ev,Gv | 0F B1 /r | lock
LSS Gv,Mp | 0F B2 !11:/r
BTR Ev,Gv | 0F B3 /r | lock
LFS Gv,Mp | 0F B4 !11:/r
LGS Gv,Mp | 0F B5 !11:/r
MOVZX Gv,Eb | 0F B6 /r
MOVZX Gv,Ew | 0F B7 /r
POPCNT Gv,Ev | F3 0F B8 /r | popcnt
UD1 Gv,Ev | 0F B9 /r
BT Ev,Ib | 0F BA /4
BTS Ev,Ib | 0F BA /5 | lock
BTR Ev,Ib | 0F BA /6 | lock
BTC Ev,Ib | 0F BA /7 | lock
BTC Ev,Gv | 0F BB /r | lock
BSF Gv,Ev | 0F BC /r
TZCNT Gv,Ev | F3 0F BC /r | bmi1
BSR Gv,Ev | 0F BD /r
LZCNT Gv,Ev | F3 0F BD /r | lzcnt
MOVSX Gv,Eb | 0F BE /r
MOVSX Gv,Ew | 0F BF /r
XADD Eb,Gb | 0F C0 /r | lock
XADD Ev,Gv | 0F C1 /r | lock
MOVNTI My,Gy | NP 0F C3 !11:/r | sse2
CMPXCHG8B Mq | 0F C7 !11:/1 | W0 lock cx8
CMPXCHG16B Mdq | 0F C7 !11:/1 | W1 lock cx16
RDRAND Rv | NFx 0F C7 11:/6 | rdrand
RDSEED Rv | NFx 0F C7 11:/7 | rdseed
RDPID Rpt | F3 0F C7 11:/7 | rdpid
BSWAP Zv | 0F C8+r
UD0 Gv,Ev | 0F FF /r

MOVBE Gv,Mv | NFx 0F 38 F0 !11:/r | movbe
MOVBE Mv,Gv | NFx 0F 38 F1 !11:/r | movbe
CRC32 Gy,Eb | F2 0F 38 F0 /r | sse4_2
CRC32 Gy,Ev | F2 0F 38 F1 /r | sse4_2
ADCX Gy,Ey | 66 0F 38 F6 /r | adx
ADOX Gy,Ey | F3 0F 38 F6 /r | adx
MOVDIR64B Gat,M | 66 0F 38 F8 !11:/r | movdir64b
MOVDIRI My,Gy | NP 0F 38 F9 !11:/r | movdiri
`;
