/** MMX and SSE to SSE4.2, AES, PCLMULQDQ, SHA: SDM Vol. 2 App. A, Tables. */
export const SSE = `
# --- SSE/SSE2 moves
MOVUPS Vps,Wps | NP 0F 10 /r | sse
MOVUPD Vpd,Wpd | 66 0F 10 /r | sse2
MOVSS Vss,Wss | F3 0F 10 /r | sse
MOVSD Vsd,Wsd | F2 0F 10 /r | sse2
MOVUPS Wps,Vps | NP 0F 11 /r | sse
MOVUPD Wpd,Vpd | 66 0F 11 /r | sse2
MOVSS Wss,Vss | F3 0F 11 /r | sse
MOVSD Wsd,Vsd | F2 0F 11 /r | sse2
MOVLPS Vq,Mq | NP 0F 12 !11:/r | sse
MOVHLPS Vq,Uq | NP 0F 12 11:/r | sse
MOVLPD Vq,Mq | 66 0F 12 !11:/r | sse2
MOVSLDUP Vx,Wx | F3 0F 12 /r | sse3
MOVDDUP Vx,Wq | F2 0F 12 /r | sse3
MOVLPS Mq,Vq | NP 0F 13 !11:/r | sse
MOVLPD Mq,Vq | 66 0F 13 !11:/r | sse2
UNPCKLPS Vx,Wx | NP 0F 14 /r | sse
UNPCKLPD Vx,Wx | 66 0F 14 /r | sse2
UNPCKHPS Vx,Wx | NP 0F 15 /r | sse
UNPCKHPD Vx,Wx | 66 0F 15 /r | sse2
MOVHPS Vq,Mq | NP 0F 16 !11:/r | sse
MOVLHPS Vq,Uq | NP 0F 16 11:/r | sse
MOVHPD Vq,Mq | 66 0F 16 !11:/r | sse2
MOVSHDUP Vx,Wx | F3 0F 16 /r | sse3
MOVHPS Mq,Vq | NP 0F 17 !11:/r | sse
MOVHPD Mq,Vq | 66 0F 17 !11:/r | sse2
MOVAPS Vps,Wps | NP 0F 28 /r | sse
MOVAPD Vpd,Wpd | 66 0F 28 /r | sse2
MOVAPS Wps,Vps | NP 0F 29 /r | sse
MOVAPD Wpd,Vpd | 66 0F 29 /r | sse2
CVTPI2PS Vps,Qpi | NP 0F 2A /r | sse
CVTPI2PD Vpd,Qpi | 66 0F 2A /r | sse2
CVTSI2SS Vss,Ey | F3 0F 2A /r | sse
CVTSI2SD Vsd,Ey | F2 0F 2A /r | sse2
MOVNTPS Mps,Vps | NP 0F 2B !11:/r | sse
MOVNTPD Mpd,Vpd | 66 0F 2B !11:/r | sse2
CVTTPS2PI Ppi,Wq | NP 0F 2C /r | sse
CVTTPD2PI Ppi,Wpd | 66 0F 2C /r | sse2
CVTTSS2SI Gy,Wss | F3 0F 2C /r | sse
CVTTSD2SI Gy,Wsd | F2 0F 2C /r | sse2
CVTPS2PI Ppi,Wq | NP 0F 2D /r | sse
CVTPD2PI Ppi,Wpd | 66 0F 2D /r | sse2
CVTSS2SI Gy,Wss | F3 0F 2D /r | sse
CVTSD2SI Gy,Wsd | F2 0F 2D /r | sse2
UCOMISS Vss,Wss | NP 0F 2E /r | sse
UCOMISD Vsd,Wsd | 66 0F 2E /r | sse2
COMISS Vss,Wss | NP 0F 2F /r | sse
COMISD Vsd,Wsd | 66 0F 2F /r | sse2
MOVMSKPS Gd,Ups | NP 0F 50 11:/r | sse
MOVMSKPD Gd,Upd | 66 0F 50 11:/r | sse2

# --- SSE/SSE2/SSE3 arithmetic
SQRTPS Vps,Wps | NP 0F 51 /r | sse
SQRTPD Vpd,Wpd | 66 0F 51 /r | sse2
SQRTSS Vss,Wss | F3 0F 51 /r | sse
SQRTSD Vsd,Wsd | F2 0F 51 /r | sse2
RSQRTPS Vps,Wps | NP 0F 52 /r | sse
RSQRTSS Vss,Wss | F3 0F 52 /r | sse
RCPPS Vps,Wps | NP 0F 53 /r | sse
RCPSS Vss,Wss | F3 0F 53 /r | sse
ANDPS Vps,Wps | NP 0F 54 /r | sse
ANDPD Vpd,Wpd | 66 0F 54 /r | sse2
ANDNPS Vps,Wps | NP 0F 55 /r | sse
ANDNPD Vpd,Wpd | 66 0F 55 /r | sse2
ORPS Vps,Wps | NP 0F 56 /r | sse
ORPD Vpd,Wpd | 66 0F 56 /r | sse2
XORPS Vps,Wps | NP 0F 57 /r | sse
XORPD Vpd,Wpd | 66 0F 57 /r | sse2
ADDPS Vps,Wps | NP 0F 58 /r | sse
ADDPD Vpd,Wpd | 66 0F 58 /r | sse2
ADDSS Vss,Wss | F3 0F 58 /r | sse
ADDSD Vsd,Wsd | F2 0F 58 /r | sse2
MULPS Vps,Wps | NP 0F 59 /r | sse
MULPD Vpd,Wpd | 66 0F 59 /r | sse2
MULSS Vss,Wss | F3 0F 59 /r | sse
MULSD Vsd,Wsd | F2 0F 59 /r | sse2
CVTPS2PD Vpd,Wq | NP 0F 5A /r | sse2
CVTPD2PS Vps,Wpd | 66 0F 5A /r | sse2
CVTSS2SD Vsd,Wss | F3 0F 5A /r | sse2
CVTSD2SS Vss,Wsd | F2 0F 5A /r | sse2
CVTDQ2PS Vps,Wdq | NP 0F 5B /r | sse2
CVTPS2DQ Vdq,Wps | 66 0F 5B /r | sse2
CVTTPS2DQ Vdq,Wps | F3 0F 5B /r | sse2
SUBPS Vps,Wps | NP 0F 5C /r | sse
SUBPD Vpd,Wpd | 66 0F 5C /r | sse2
SUBSS Vss,Wss | F3 0F 5C /r | sse
SUBSD Vsd,Wsd | F2 0F 5C /r | sse2
MINPS Vps,Wps | NP 0F 5D /r | sse
MINPD Vpd,Wpd | 66 0F 5D /r | sse2
MINSS Vss,Wss | F3 0F 5D /r | sse
MINSD Vsd,Wsd | F2 0F 5D /r | sse2
DIVPS Vps,Wps | NP 0F 5E /r | sse
DIVPD Vpd,Wpd | 66 0F 5E /r | sse2
DIVSS Vss,Wss | F3 0F 5E /r | sse
DIVSD Vsd,Wsd | F2 0F 5E /r | sse2
MAXPS Vps,Wps | NP 0F 5F /r | sse
MAXPD Vpd,Wpd | 66 0F 5F /r | sse2
MAXSS Vss,Wss | F3 0F 5F /r | sse
MAXSD Vsd,Wsd | F2 0F 5F /r | sse2
HADDPD Vpd,Wpd | 66 0F 7C /r | sse3
HADDPS Vps,Wps | F2 0F 7C /r | sse3
HSUBPD Vpd,Wpd | 66 0F 7D /r | sse3
HSUBPS Vps,Wps | F2 0F 7D /r | sse3
ADDSUBPD Vpd,Wpd | 66 0F D0 /r | sse3
ADDSUBPS Vps,Wps | F2 0F D0 /r | sse3
CMPPS Vps,Wps,Ib | NP 0F C2 /r | sse
CMPPD Vpd,Wpd,Ib | 66 0F C2 /r | sse2
CMPSS Vss,Wss,Ib | F3 0F C2 /r | sse
CMPSD Vsd,Wsd,Ib | F2 0F C2 /r | sse2
SHUFPS Vps,Wps,Ib | NP 0F C6 /r | sse
SHUFPD Vpd,Wpd,Ib | 66 0F C6 /r | sse2
CVTTPD2DQ Vdq,Wpd | 66 0F E6 /r | sse2
CVTDQ2PD Vpd,Wq | F3 0F E6 /r | sse2
CVTPD2DQ Vdq,Wpd | F2 0F E6 /r | sse2

# --- integer SIMD: MMX form, then the SSE2 form
PUNPCKLBW Pq,Qd | NP 0F 60 /r | mmx
PUNPCKLBW Vx,Wx | 66 0F 60 /r | sse2
PUNPCKLWD Pq,Qd | NP 0F 61 /r | mmx
PUNPCKLWD Vx,Wx | 66 0F 61 /r | sse2
PUNPCKLDQ Pq,Qd | NP 0F 62 /r | mmx
PUNPCKLDQ Vx,Wx | 66 0F 62 /r | sse2
PACKSSWB Pq,Qq | NP 0F 63 /r | mmx
PACKSSWB Vx,Wx | 66 0F 63 /r | sse2
PCMPGTB Pq,Qq | NP 0F 64 /r | mmx
PCMPGTB Vx,Wx | 66 0F 64 /r | sse2
PCMPGTW Pq,Qq | NP 0F 65 /r | mmx
PCMPGTW Vx,Wx | 66 0F 65 /r | sse2
PCMPGTD Pq,Qq | NP 0F 66 /r | mmx
PCMPGTD Vx,Wx | 66 0F 66 /r | sse2
PACKUSWB Pq,Qq | NP 0F 67 /r | mmx
PACKUSWB Vx,Wx | 66 0F 67 /r | sse2
PUNPCKHBW Pq,Qq | NP 0F 68 /r | mmx
PUNPCKHBW Vx,Wx | 66 0F 68 /r | sse2
PUNPCKHWD Pq,Qq | NP 0F 69 /r | mmx
PUNPCKHWD Vx,Wx | 66 0F 69 /r | sse2
PUNPCKHDQ Pq,Qq | NP 0F 6A /r | mmx
PUNPCKHDQ Vx,Wx | 66 0F 6A /r | sse2
PACKSSDW Pq,Qq | NP 0F 6B /r | mmx
PACKSSDW Vx,Wx | 66 0F 6B /r | sse2
PUNPCKLQDQ Vx,Wx | 66 0F 6C /r | sse2
PUNPCKHQDQ Vx,Wx | 66 0F 6D /r | sse2
MOVQ Pq,Qq | NP 0F 6F /r | mmx lift=movq
MOVQ Qq,Pq | NP 0F 7F /r | mmx lift=movq
MOVQ Vq,Wq | F3 0F 7E /r | sse2
MOVQ Wq,Vq | 66 0F D6 /r | sse2
MOVD/MOVD/MOVQ Py,Ey | NP 0F 6E /r | mmx
MOVD/MOVD/MOVQ Vy,Ey | 66 0F 6E /r | sse2
MOVD/MOVD/MOVQ Ey,Py | NP 0F 7E /r | mmx
MOVD/MOVD/MOVQ Ey,Vy | 66 0F 7E /r | sse2
MOVDQA Vx,Wx | 66 0F 6F /r | sse2
MOVDQU Vx,Wx | F3 0F 6F /r | sse2
MOVDQA Wx,Vx | 66 0F 7F /r | sse2
MOVDQU Wx,Vx | F3 0F 7F /r | sse2
PSHUFW Pq,Qq,Ib | NP 0F 70 /r | sse
PSHUFD Vx,Wx,Ib | 66 0F 70 /r | sse2
PSHUFHW Vx,Wx,Ib | F3 0F 70 /r | sse2
PSHUFLW Vx,Wx,Ib | F2 0F 70 /r | sse2
PSRLW Nq,Ib | NP 0F 71 11:/2 | mmx
PSRLW Ux,Ib | 66 0F 71 11:/2 | sse2
PSRAW Nq,Ib | NP 0F 71 11:/4 | mmx
PSRAW Ux,Ib | 66 0F 71 11:/4 | sse2
PSLLW Nq,Ib | NP 0F 71 11:/6 | mmx
PSLLW Ux,Ib | 66 0F 71 11:/6 | sse2
PSRLD Nq,Ib | NP 0F 72 11:/2 | mmx
PSRLD Ux,Ib | 66 0F 72 11:/2 | sse2
PSRAD Nq,Ib | NP 0F 72 11:/4 | mmx
PSRAD Ux,Ib | 66 0F 72 11:/4 | sse2
PSLLD Nq,Ib | NP 0F 72 11:/6 | mmx
PSLLD Ux,Ib | 66 0F 72 11:/6 | sse2
PSRLQ Nq,Ib | NP 0F 73 11:/2 | mmx
PSRLQ Ux,Ib | 66 0F 73 11:/2 | sse2
PSLLQ Nq,Ib | NP 0F 73 11:/6 | mmx
PSLLQ Ux,Ib | 66 0F 73 11:/6 | sse2
PSRLDQ Ux,Ib | 66 0F 73 11:/3 | sse2
PSLLDQ Ux,Ib | 66 0F 73 11:/7 | sse2
PCMPEQB Pq,Qq | NP 0F 74 /r | mmx
PCMPEQB Vx,Wx | 66 0F 74 /r | sse2
PCMPEQW Pq,Qq | NP 0F 75 /r | mmx
PCMPEQW Vx,Wx | 66 0F 75 /r | sse2
PCMPEQD Pq,Qq | NP 0F 76 /r | mmx
PCMPEQD Vx,Wx | 66 0F 76 /r | sse2
EMMS | NP 0F 77 | mmx
PINSRW Pq,Mw,Ib | NP 0F C4 !11:/r | sse
PINSRW Pq,Rd,Ib | NP 0F C4 11:/r | sse
PINSRW Vdq,Mw,Ib | 66 0F C4 !11:/r | sse2
PINSRW Vdq,Rd,Ib | 66 0F C4 11:/r | sse2
PEXTRW Gd,Nq,Ib | NP 0F C5 11:/r | sse
PEXTRW Gd,Udq,Ib | 66 0F C5 11:/r | sse2
PMOVMSKB Gd,Nq | NP 0F D7 11:/r | sse
PMOVMSKB Gd,Ux | 66 0F D7 11:/r | sse2
MOVQ2DQ Vq,Nq | F3 0F D6 11:/r | sse2
MOVDQ2Q Pq,Uq | F2 0F D6 11:/r | sse2
MOVNTQ Mq,Pq | NP 0F E7 !11:/r | sse
MOVNTDQ Mx,Vx | 66 0F E7 !11:/r | sse2
LDDQU Vx,Mx | F2 0F F0 !11:/r | sse3
MASKMOVQ Pq,Nq | NP 0F F7 11:/r | sse
MASKMOVDQU Vdq,Udq | 66 0F F7 11:/r | sse2
PSRLW Pq,Qq | NP 0F D1 /r | mmx
PSRLW Vx,Wx | 66 0F D1 /r | sse2
PSRLD Pq,Qq | NP 0F D2 /r | mmx
PSRLD Vx,Wx | 66 0F D2 /r | sse2
PSRLQ Pq,Qq | NP 0F D3 /r | mmx
PSRLQ Vx,Wx | 66 0F D3 /r | sse2
PADDQ Pq,Qq | NP 0F D4 /r | sse2
PADDQ Vx,Wx | 66 0F D4 /r | sse2
PMULLW Pq,Qq | NP 0F D5 /r | mmx
PMULLW Vx,Wx | 66 0F D5 /r | sse2
PSUBUSB Pq,Qq | NP 0F D8 /r | mmx
PSUBUSB Vx,Wx | 66 0F D8 /r | sse2
PSUBUSW Pq,Qq | NP 0F D9 /r | mmx
PSUBUSW Vx,Wx | 66 0F D9 /r | sse2
PMINUB Pq,Qq | NP 0F DA /r | sse
PMINUB Vx,Wx | 66 0F DA /r | sse2
PAND Pq,Qq | NP 0F DB /r | mmx
PAND Vx,Wx | 66 0F DB /r | sse2
PADDUSB Pq,Qq | NP 0F DC /r | mmx
PADDUSB Vx,Wx | 66 0F DC /r | sse2
PADDUSW Pq,Qq | NP 0F DD /r | mmx
PADDUSW Vx,Wx | 66 0F DD /r | sse2
PMAXUB Pq,Qq | NP 0F DE /r | sse
PMAXUB Vx,Wx | 66 0F DE /r | sse2
PANDN Pq,Qq | NP 0F DF /r | mmx
PANDN Vx,Wx | 66 0F DF /r | sse2
PAVGB Pq,Qq | NP 0F E0 /r | sse
PAVGB Vx,Wx | 66 0F E0 /r | sse2
PSRAW Pq,Qq | NP 0F E1 /r | mmx
PSRAW Vx,Wx | 66 0F E1 /r | sse2
PSRAD Pq,Qq | NP 0F E2 /r | mmx
PSRAD Vx,Wx | 66 0F E2 /r | sse2
PAVGW Pq,Qq | NP 0F E3 /r | sse
PAVGW Vx,Wx | 66 0F E3 /r | sse2
PMULHUW Pq,Qq | NP 0F E4 /r | sse
PMULHUW Vx,Wx | 66 0F E4 /r | sse2
PMULHW Pq,Qq | NP 0F E5 /r | mmx
PMULHW Vx,Wx | 66 0F E5 /r | sse2
PSUBSB Pq,Qq | NP 0F E8 /r | mmx
PSUBSB Vx,Wx | 66 0F E8 /r | sse2
PSUBSW Pq,Qq | NP 0F E9 /r | mmx
PSUBSW Vx,Wx | 66 0F E9 /r | sse2
PMINSW Pq,Qq | NP 0F EA /r | sse
PMINSW Vx,Wx | 66 0F EA /r | sse2
POR Pq,Qq | NP 0F EB /r | mmx
POR Vx,Wx | 66 0F EB /r | sse2
PADDSB Pq,Qq | NP 0F EC /r | mmx
PADDSB Vx,Wx | 66 0F EC /r | sse2
PADDSW Pq,Qq | NP 0F ED /r | mmx
PADDSW Vx,Wx | 66 0F ED /r | sse2
PMAXSW Pq,Qq | NP 0F EE /r | sse
PMAXSW Vx,Wx | 66 0F EE /r | sse2
PXOR Pq,Qq | NP 0F EF /r | mmx
PXOR Vx,Wx | 66 0F EF /r | sse2
PSLLW Pq,Qq | NP 0F F1 /r | mmx
PSLLW Vx,Wx | 66 0F F1 /r | sse2
PSLLD Pq,Qq | NP 0F F2 /r | mmx
PSLLD Vx,Wx | 66 0F F2 /r | sse2
PSLLQ Pq,Qq | NP 0F F3 /r | mmx
PSLLQ Vx,Wx | 66 0F F3 /r | sse2
PMULUDQ Pq,Qq | NP 0F F4 /r | sse2
PMULUDQ Vx,Wx | 66 0F F4 /r | sse2
PMADDWD Pq,Qq | NP 0F F5 /r | mmx
PMADDWD Vx,Wx | 66 0F F5 /r | sse2
PSADBW Pq,Qq | NP 0F F6 /r | sse
PSADBW Vx,Wx | 66 0F F6 /r | sse2
PSUBB Pq,Qq | NP 0F F8 /r | mmx
PSUBB Vx,Wx | 66 0F F8 /r | sse2
PSUBW Pq,Qq | NP 0F F9 /r | mmx
PSUBW Vx,Wx | 66 0F F9 /r | sse2
PSUBD Pq,Qq | NP 0F FA /r | mmx
PSUBD Vx,Wx | 66 0F FA /r | sse2
PSUBQ Pq,Qq | NP 0F FB /r | sse2
PSUBQ Vx,Wx | 66 0F FB /r | sse2
PADDB Pq,Qq | NP 0F FC /r | mmx
PADDB Vx,Wx | 66 0F FC /r | sse2
PADDW Pq,Qq | NP 0F FD /r | mmx
PADDW Vx,Wx | 66 0F FD /r | sse2
PADDD Pq,Qq | NP 0F FE /r | mmx
PADDD Vx,Wx | 66 0F FE /r | sse2

# --- SSSE3
PSHUFB Pq,Qq | NP 0F 38 00 /r | ssse3
PSHUFB Vx,Wx | 66 0F 38 00 /r | ssse3
PHADDW Pq,Qq | NP 0F 38 01 /r | ssse3
PHADDW Vx,Wx | 66 0F 38 01 /r | ssse3
PHADDD Pq,Qq | NP 0F 38 02 /r | ssse3
PHADDD Vx,Wx | 66 0F 38 02 /r | ssse3
PHADDSW Pq,Qq | NP 0F 38 03 /r | ssse3
PHADDSW Vx,Wx | 66 0F 38 03 /r | ssse3
PMADDUBSW Pq,Qq | NP 0F 38 04 /r | ssse3
PMADDUBSW Vx,Wx | 66 0F 38 04 /r | ssse3
PHSUBW Pq,Qq | NP 0F 38 05 /r | ssse3
PHSUBW Vx,Wx | 66 0F 38 05 /r | ssse3
PHSUBD Pq,Qq | NP 0F 38 06 /r | ssse3
PHSUBD Vx,Wx | 66 0F 38 06 /r | ssse3
PHSUBSW Pq,Qq | NP 0F 38 07 /r | ssse3
PHSUBSW Vx,Wx | 66 0F 38 07 /r | ssse3
PSIGNB Pq,Qq | NP 0F 38 08 /r | ssse3
PSIGNB Vx,Wx | 66 0F 38 08 /r | ssse3
PSIGNW Pq,Qq | NP 0F 38 09 /r | ssse3
PSIGNW Vx,Wx | 66 0F 38 09 /r | ssse3
PSIGND Pq,Qq | NP 0F 38 0A /r | ssse3
PSIGND Vx,Wx | 66 0F 38 0A /r | ssse3
PMULHRSW Pq,Qq | NP 0F 38 0B /r | ssse3
PMULHRSW Vx,Wx | 66 0F 38 0B /r | ssse3
PABSB Pq,Qq | NP 0F 38 1C /r | ssse3
PABSB Vx,Wx | 66 0F 38 1C /r | ssse3
PABSW Pq,Qq | NP 0F 38 1D /r | ssse3
PABSW Vx,Wx | 66 0F 38 1D /r | ssse3
PABSD Pq,Qq | NP 0F 38 1E /r | ssse3
PABSD Vx,Wx | 66 0F 38 1E /r | ssse3
PALIGNR Pq,Qq,Ib | NP 0F 3A 0F /r | ssse3
PALIGNR Vx,Wx,Ib | 66 0F 3A 0F /r | ssse3

# --- SSE4.1 and SSE4.2
PBLENDVB Vdq,Wdq,XMM0 | 66 0F 38 10 /r | sse4_1
BLENDVPS Vdq,Wdq,XMM0 | 66 0F 38 14 /r | sse4_1
BLENDVPD Vdq,Wdq,XMM0 | 66 0F 38 15 /r | sse4_1
PTEST Vx,Wx | 66 0F 38 17 /r | sse4_1
PMOVSXBW Vx,Wq | 66 0F 38 20 /r | sse4_1
PMOVSXBD Vx,Wd | 66 0F 38 21 /r | sse4_1
PMOVSXBQ Vx,Ww | 66 0F 38 22 /r | sse4_1
PMOVSXWD Vx,Wq | 66 0F 38 23 /r | sse4_1
PMOVSXWQ Vx,Wd | 66 0F 38 24 /r | sse4_1
PMOVSXDQ Vx,Wq | 66 0F 38 25 /r | sse4_1
PMOVZXBW Vx,Wq | 66 0F 38 30 /r | sse4_1
PMOVZXBD Vx,Wd | 66 0F 38 31 /r | sse4_1
PMOVZXBQ Vx,Ww | 66 0F 38 32 /r | sse4_1
PMOVZXWD Vx,Wq | 66 0F 38 33 /r | sse4_1
PMOVZXWQ Vx,Wd | 66 0F 38 34 /r | sse4_1
PMOVZXDQ Vx,Wq | 66 0F 38 35 /r | sse4_1
PMULDQ Vx,Wx | 66 0F 38 28 /r | sse4_1
PCMPEQQ Vx,Wx | 66 0F 38 29 /r | sse4_1
PACKUSDW Vx,Wx | 66 0F 38 2B /r | sse4_1
PMINSB Vx,Wx | 66 0F 38 38 /r | sse4_1
PMINSD Vx,Wx | 66 0F 38 39 /r | sse4_1
PMINUW Vx,Wx | 66 0F 38 3A /r | sse4_1
PMINUD Vx,Wx | 66 0F 38 3B /r | sse4_1
PMAXSB Vx,Wx | 66 0F 38 3C /r | sse4_1
PMAXSD Vx,Wx | 66 0F 38 3D /r | sse4_1
PMAXUW Vx,Wx | 66 0F 38 3E /r | sse4_1
PMAXUD Vx,Wx | 66 0F 38 3F /r | sse4_1
PMULLD Vx,Wx | 66 0F 38 40 /r | sse4_1
PHMINPOSUW Vx,Wx | 66 0F 38 41 /r | sse4_1
MOVNTDQA Vx,Mx | 66 0F 38 2A !11:/r | sse4_1
PCMPGTQ Vx,Wx | 66 0F 38 37 /r | sse4_2
ROUNDPS Vps,Wps,Ib | 66 0F 3A 08 /r | sse4_1
ROUNDPD Vpd,Wpd,Ib | 66 0F 3A 09 /r | sse4_1
ROUNDSS Vss,Wss,Ib | 66 0F 3A 0A /r | sse4_1
ROUNDSD Vsd,Wsd,Ib | 66 0F 3A 0B /r | sse4_1
BLENDPS Vps,Wps,Ib | 66 0F 3A 0C /r | sse4_1
BLENDPD Vpd,Wpd,Ib | 66 0F 3A 0D /r | sse4_1
PBLENDW Vx,Wx,Ib | 66 0F 3A 0E /r | sse4_1
PEXTRB Mb,Vdq,Ib | 66 0F 3A 14 !11:/r | sse4_1
PEXTRB Rd,Vdq,Ib | 66 0F 3A 14 11:/r | sse4_1
PEXTRW Mw,Vdq,Ib | 66 0F 3A 15 !11:/r | sse4_1
PEXTRW Rd,Vdq,Ib | 66 0F 3A 15 11:/r | sse4_1
PEXTRD/PEXTRD/PEXTRQ Ey,Vdq,Ib | 66 0F 3A 16 /r | sse4_1
EXTRACTPS Ed,Vdq,Ib | 66 0F 3A 17 /r | sse4_1
PINSRB Vdq,Mb,Ib | 66 0F 3A 20 !11:/r | sse4_1
PINSRB Vdq,Rd,Ib | 66 0F 3A 20 11:/r | sse4_1
INSERTPS Vdq,Wss,Ib | 66 0F 3A 21 /r | sse4_1
PINSRD/PINSRD/PINSRQ Vdq,Ey,Ib | 66 0F 3A 22 /r | sse4_1
DPPS Vps,Wps,Ib | 66 0F 3A 40 /r | sse4_1
DPPD Vpd,Wpd,Ib | 66 0F 3A 41 /r | sse4_1
MPSADBW Vx,Wx,Ib | 66 0F 3A 42 /r | sse4_1
PCMPESTRM/PCMPESTRM/PCMPESTRMQ Vdq,Wdq,Ib | 66 0F 3A 60 /r | sse4_2
PCMPESTRI/PCMPESTRI/PCMPESTRIQ Vdq,Wdq,Ib | 66 0F 3A 61 /r | sse4_2
PCMPISTRM Vdq,Wdq,Ib | 66 0F 3A 62 /r | sse4_2
PCMPISTRI Vdq,Wdq,Ib | 66 0F 3A 63 /r | sse4_2

# --- AES, carry-less multiplication, SHA
AESIMC Vdq,Wdq | 66 0F 38 DB /r | aes
AESENC Vdq,Wdq | 66 0F 38 DC /r | aes
AESENCLAST Vdq,Wdq | 66 0F 38 DD /r | aes
AESDEC Vdq,Wdq | 66 0F 38 DE /r | aes
AESDECLAST Vdq,Wdq | 66 0F 38 DF /r | aes
AESKEYGENASSIST Vdq,Wdq,Ib | 66 0F 3A DF /r | aes
PCLMULQDQ Vdq,Wdq,Ib | 66 0F 3A 44 /r | pclmulqdq
SHA1NEXTE Vdq,Wdq | NP 0F 38 C8 /r | sha
SHA1MSG1 Vdq,Wdq | NP 0F 38 C9 /r | sha
SHA1MSG2 Vdq,Wdq | NP 0F 38 CA /r | sha
SHA256RNDS2 Vdq,Wdq,XMM0 | NP 0F 38 CB /r | sha
SHA256MSG1 Vdq,Wdq | NP 0F 38 CC /r | sha
SHA256MSG2 Vdq,Wdq | NP 0F 38 CD /r | sha
SHA1RNDS4 Vdq,Wdq,Ib | NP 0F 3A CC /r | sha
`;
