/** One-byte opcode map: SDM Vol. 2 App. A, Tables. x87 escapes are in x87.ts. Of equal encodings the first is assembled. */
export const ONE_BYTE = `
# --- arithmetic groups
ADD Eb,Gb | 00 /r | lock
ADD Ev,Gv | 01 /r | lock
ADD Gb,Eb | 02 /r
ADD Gv,Ev | 03 /r
ADD AL,Ib | 04
ADD rAX,Iz | 05
OR Eb,Gb | 08 /r | lock
OR Ev,Gv | 09 /r | lock
OR Gb,Eb | 0A /r
OR Gv,Ev | 0B /r
OR AL,Ib | 0C
OR rAX,Iz | 0D
ADC Eb,Gb | 10 /r | lock
ADC Ev,Gv | 11 /r | lock
ADC Gb,Eb | 12 /r
ADC Gv,Ev | 13 /r
ADC AL,Ib | 14
ADC rAX,Iz | 15
SBB Eb,Gb | 18 /r | lock
SBB Ev,Gv | 19 /r | lock
SBB Gb,Eb | 1A /r
SBB Gv,Ev | 1B /r
SBB AL,Ib | 1C
SBB rAX,Iz | 1D
AND Eb,Gb | 20 /r | lock
AND Ev,Gv | 21 /r | lock
AND Gb,Eb | 22 /r
AND Gv,Ev | 23 /r
AND AL,Ib | 24
AND rAX,Iz | 25
SUB Eb,Gb | 28 /r | lock
SUB Ev,Gv | 29 /r | lock
SUB Gb,Eb | 2A /r
SUB Gv,Ev | 2B /r
SUB AL,Ib | 2C
SUB rAX,Iz | 2D
XOR Eb,Gb | 30 /r | lock
XOR Ev,Gv | 31 /r | lock
XOR Gb,Eb | 32 /r
XOR Gv,Ev | 33 /r
XOR AL,Ib | 34
XOR rAX,Iz | 35
CMP Eb,Gb | 38 /r
CMP Ev,Gv | 39 /r
CMP Gb,Eb | 3A /r
CMP Gv,Ev | 3B /r
CMP AL,Ib | 3C
CMP rAX,Iz | 3D

ADD Eb,Ib | 80 /0 | lock
OR Eb,Ib | 80 /1 | lock
ADC Eb,Ib | 80 /2 | lock
SBB Eb,Ib | 80 /3 | lock
AND Eb,Ib | 80 /4 | lock
SUB Eb,Ib | 80 /5 | lock
XOR Eb,Ib | 80 /6 | lock
CMP Eb,Ib | 80 /7
ADD Ev,Iz | 81 /0 | lock
OR Ev,Iz | 81 /1 | lock
ADC Ev,Iz | 81 /2 | lock
SBB Ev,Iz | 81 /3 | lock
AND Ev,Iz | 81 /4 | lock
SUB Ev,Iz | 81 /5 | lock
XOR Ev,Iz | 81 /6 | lock
CMP Ev,Iz | 81 /7
ADD Ev,Ibs | 83 /0 | lock
OR Ev,Ibs | 83 /1 | lock
ADC Ev,Ibs | 83 /2 | lock
SBB Ev,Ibs | 83 /3 | lock
AND Ev,Ibs | 83 /4 | lock
SUB Ev,Ibs | 83 /5 | lock
XOR Ev,Ibs | 83 /6 | lock
CMP Ev,Ibs | 83 /7
ADD Eb,Ib | 82 /0 | lock i64
OR Eb,Ib | 82 /1 | lock i64
ADC Eb,Ib | 82 /2 | lock i64
SBB Eb,Ib | 82 /3 | lock i64
AND Eb,Ib | 82 /4 | lock i64
SUB Eb,Ib | 82 /5 | lock i64
XOR Eb,Ib | 82 /6 | lock i64
CMP Eb,Ib | 82 /7 | i64

# --- segment registers on the stack
PUSH ES | 06 | i64 suffix
POP ES | 07 | i64 suffix
PUSH CS | 0E | i64 suffix
PUSH SS | 16 | i64 suffix
POP SS | 17 | i64 suffix
PUSH DS | 1E | i64 suffix
POP DS | 1F | i64 suffix

# --- BCD
DAA | 27 | i64
DAS | 2F | i64
AAA | 37 | i64
AAS | 3F | i64
AAM Ib | D4 | i64
AAD Ib | D5 | i64
SALC | D6 | i64

INC Zv | 40+r | i64
DEC Zv | 48+r | i64
PUSH Zv | 50+r | d64
POP Zv | 58+r | d64
PUSHA | 60 | i64 suffix
POPA | 61 | i64 suffix
BOUND Gv,Ma | 62 !11:/r | i64
ARPL Ew,Gw | 63 /r | i64
MOVSXD Gv,Ez | 63 /r | o64
PUSH Iz | 68 | d64 suffix
IMUL Gv,Ev,Iz | 69 /r | lift=imul3
PUSH Ibs | 6A | d64 suffix
IMUL Gv,Ev,Ibs | 6B /r | lift=imul3
INS Yb,DX | 6C | rep bare=INSB
INS Yz,DX | 6D | rep bare=INSW/INSD
OUTS DX,Xb | 6E | rep bare=OUTSB
OUTS DX,Xz | 6F | rep bare=OUTSW/OUTSD
Jcc Jb | 70+cc | f64

TEST Eb,Gb | 84 /r
TEST Ev,Gv | 85 /r
XCHG Eb,Gb | 86 /r | lock
XCHG Ev,Gv | 87 /r | lock
MOV Eb,Gb | 88 /r
MOV Ev,Gv | 89 /r
MOV Gb,Eb | 8A /r
MOV Gv,Ev | 8B /r
MOV Mw,Sw | 8C !11:/r | lift=mov_from_seg
MOV Rv,Sw | 8C 11:/r | lift=mov_from_seg
LEA Gv,M | 8D !11:/r
MOV Sw,Mw | 8E !11:/r | lift=mov_to_seg
MOV Sw,Rv | 8E 11:/r | lift=mov_to_seg
POP Ev | 8F /0 | d64

NOP | 90
PAUSE | F3 90
XCHG Zv,rAX | 90+r
CBW/CWDE/CDQE | 98
CWD/CDQ/CQO | 99
CALL Ap | 9A | i64 lift=callf
FWAIT | 9B | aka=WAIT x87
PUSHF | 9C | d64 suffix
POPF | 9D | d64 suffix
SAHF | 9E
LAHF | 9F
MOV AL,Ob | A0
MOV rAX,Ov | A1
MOV Ob,AL | A2
MOV Ov,rAX | A3
MOVS Yb,Xb | A4 | rep bare=MOVSB
MOVS Yv,Xv | A5 | rep bare=MOVSW/MOVSD/MOVSQ
CMPS Xb,Yb | A6 | repz bare=CMPSB
CMPS Xv,Yv | A7 | repz bare=CMPSW/CMPSD/CMPSQ
TEST AL,Ib | A8
TEST rAX,Iz | A9
STOS Yb,AL | AA | rep bare=STOSB
STOS Yv,rAX | AB | rep bare=STOSW/STOSD/STOSQ
LODS AL,Xb | AC | rep bare=LODSB
LODS rAX,Xv | AD | rep bare=LODSW/LODSD/LODSQ
SCAS AL,Yb | AE | repz bare=SCASB
SCAS rAX,Yv | AF | repz bare=SCASW/SCASD/SCASQ
MOV Zb,Ib | B0+r
MOV Zv,Iv | B8+r
XABORT Ib | C6 F8 | rtm
XBEGIN Jz | C7 F8 | suffixwd rtm
MOV Eb,Ib | C6 /0
MOV Ev,Iz | C7 /0

# --- shifts and rotates; /6 is an undocumented SHL (SDM Table A-6)
ROL Eb,Ib | C0 /0
ROR Eb,Ib | C0 /1
RCL Eb,Ib | C0 /2
RCR Eb,Ib | C0 /3
SHL Eb,Ib | C0 /4 | aka=SAL
SHR Eb,Ib | C0 /5
SAR Eb,Ib | C0 /7
ROL Ev,Ib | C1 /0
ROR Ev,Ib | C1 /1
RCL Ev,Ib | C1 /2
RCR Ev,Ib | C1 /3
SHL Ev,Ib | C1 /4 | aka=SAL
SHR Ev,Ib | C1 /5
SAR Ev,Ib | C1 /7
ROL Eb,1 | D0 /0
ROR Eb,1 | D0 /1
RCL Eb,1 | D0 /2
RCR Eb,1 | D0 /3
SHL Eb,1 | D0 /4 | aka=SAL
SHR Eb,1 | D0 /5
SAR Eb,1 | D0 /7
ROL Ev,1 | D1 /0
ROR Ev,1 | D1 /1
RCL Ev,1 | D1 /2
RCR Ev,1 | D1 /3
SHL Ev,1 | D1 /4 | aka=SAL
SHR Ev,1 | D1 /5
SAR Ev,1 | D1 /7
ROL Eb,CL | D2 /0
ROR Eb,CL | D2 /1
RCL Eb,CL | D2 /2
RCR Eb,CL | D2 /3
SHL Eb,CL | D2 /4 | aka=SAL
SHR Eb,CL | D2 /5
SAR Eb,CL | D2 /7
ROL Ev,CL | D3 /0
ROR Ev,CL | D3 /1
RCL Ev,CL | D3 /2
RCR Ev,CL | D3 /3
SHL Ev,CL | D3 /4 | aka=SAL
SHR Ev,CL | D3 /5
SAR Ev,CL | D3 /7
SHL Eb,Ib | C0 /6
SHL Ev,Ib | C1 /6
SHL Eb,1 | D0 /6
SHL Ev,1 | D1 /6
SHL Eb,CL | D2 /6
SHL Ev,CL | D3 /6

RET Iw | C2 | f64 suffix
RET | C3 | f64 suffix
LES Gz,Mp | C4 !11:/r | i64
LDS Gz,Mp | C5 !11:/r | i64
ENTER Iw,Ib | C8 | d64 suffix
LEAVE | C9 | d64 suffix
RETF Iw | CA | suffix
RETF | CB | suffix
INT3 | CC
INT Ib | CD
INTO | CE | i64
IRET | CF | suffix
XLAT mBX | D7 | bare=XLATB

LOOPNE Jb | E0 | f64 aka=LOOPNZ
LOOPE Jb | E1 | f64 aka=LOOPZ
LOOP Jb | E2 | f64
JCXZ/JECXZ/JRCXZ Jb | E3 | f64 byaddr lift=jcxz
IN AL,Ib | E4
IN eAX,Ib | E5
OUT Ib,AL | E6
OUT Ib,eAX | E7
CALL Jz | E8 | f64 suffix
JMP Jz | E9 | f64 suffix
JMP Ap | EA | i64 lift=jmpf
JMP Jb | EB | f64
IN AL,DX | EC
IN eAX,DX | ED
OUT DX,AL | EE
OUT DX,eAX | EF
INT1 | F1 | aka=ICEBP
HLT | F4 | cpl0
CMC | F5
TEST Eb,Ib | F6 /0
TEST Eb,Ib | F6 /1
NOT Eb | F6 /2 | lock
NEG Eb | F6 /3 | lock
MUL Eb | F6 /4
IMUL Eb | F6 /5
DIV Eb | F6 /6
IDIV Eb | F6 /7
TEST Ev,Iz | F7 /0
TEST Ev,Iz | F7 /1
NOT Ev | F7 /2 | lock
NEG Ev | F7 /3 | lock
MUL Ev | F7 /4
IMUL Ev | F7 /5
DIV Ev | F7 /6
IDIV Ev | F7 /7
CLC | F8
STC | F9
CLI | FA
STI | FB
CLD | FC
STD | FD
INC Eb | FE /0 | lock
DEC Eb | FE /1 | lock
INC Ev | FF /0 | lock
DEC Ev | FF /1 | lock
CALL Ev | FF /2 | f64
CALL Mp | FF !11:/3 | lift=callf
JMP Ev | FF /4 | f64
JMP Mp | FF !11:/5 | lift=jmpf
PUSH Ev | FF /6 | d64
`;
