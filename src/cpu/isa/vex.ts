/** VEX-encoded general-purpose instructions (BMI1, BMI2): SDM Vol. 2, chapters 3-5. */
export const VEX = `
ANDN Gy,By,Ey | VEX.LZ.NP.0F38 F2 /r | bmi1
BLSR By,Ey | VEX.LZ.NP.0F38 F3 /1 | bmi1
BLSMSK By,Ey | VEX.LZ.NP.0F38 F3 /2 | bmi1
BLSI By,Ey | VEX.LZ.NP.0F38 F3 /3 | bmi1
BZHI Gy,Ey,By | VEX.LZ.NP.0F38 F5 /r | bmi2
PEXT Gy,By,Ey | VEX.LZ.F3.0F38 F5 /r | bmi2
PDEP Gy,By,Ey | VEX.LZ.F2.0F38 F5 /r | bmi2
MULX Gy,By,Ey | VEX.LZ.F2.0F38 F6 /r | bmi2
BEXTR Gy,Ey,By | VEX.LZ.NP.0F38 F7 /r | bmi1
SHLX Gy,Ey,By | VEX.LZ.66.0F38 F7 /r | bmi2
SARX Gy,Ey,By | VEX.LZ.F3.0F38 F7 /r | bmi2
SHRX Gy,Ey,By | VEX.LZ.F2.0F38 F7 /r | bmi2
RORX Gy,Ey,Ib | VEX.LZ.F2.0F3A F0 /r | bmi2
`;
