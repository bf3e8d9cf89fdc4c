/** Rewrites a kernel ELF file with nothing but what is loaded: no sections, no page-aligned gaps, no zeros at a segment's end. */
import { StructWriter, alignUp } from "../../src/vmm/boot/bytes.ts";
import { parseElf } from "../../src/vmm/boot/elf.ts";

const PT_LOAD = 1;
const PT_NOTE = 4;
const FLAGS_RWX = 7;

/** 64-bit and 32-bit x86 executables. Notes stay findable: PVH's entry point is one. */
export function packElf(image: Uint8Array): Uint8Array {
  const elf = parseElf(image);
  const wide = elf.bits === 64;
  const ehdrSize = wide ? 64 : 52;
  const phdrSize = wide ? 56 : 32;

  const loads = elf.segments.map((s) => {
    let size = s.fileSize;
    while (size > 0 && image[s.offset + size - 1] === 0) size--;
    return { ...s, size };
  });
  const notes = elf.noteRanges.flatMap((n) => {
    const index = loads.findIndex((l) => n.offset >= l.offset && n.offset + n.size <= l.offset + l.size);
    return index < 0 ? [] : [{ ...n, index, within: n.offset - loads[index].offset }];
  });

  let at = alignUp(ehdrSize + (loads.length + notes.length) * phdrSize, 16);
  const offsets = loads.map((l) => {
    const here = at;
    at = alignUp(at + l.size, 16);
    return here;
  });
  const w = new StructWriter(at);
  w.copy(0, image.subarray(0, ehdrSize));
  if (wide) w.u64(32, ehdrSize).u64(40, 0).u16(54, phdrSize).u16(56, loads.length + notes.length).u16(58, 0).u16(60, 0).u16(62, 0);
  else w.u32(28, ehdrSize).u32(32, 0).u16(42, phdrSize).u16(44, loads.length + notes.length).u16(46, 0).u16(48, 0).u16(50, 0);

  const header = (i: number, type: number, offset: number, virtual: bigint, physical: number, size: number, memory: number, align: number): void => {
    const p = ehdrSize + i * phdrSize;
    if (wide) {
      w.u32(p, type).u32(p + 4, FLAGS_RWX).u64(p + 8, offset).u64big(p + 16, virtual).u64(p + 24, physical);
      w.u64(p + 32, size).u64(p + 40, memory).u64(p + 48, align);
    } else {
      w.u32(p, type).u32(p + 4, offset).u32(p + 8, Number(virtual)).u32(p + 12, physical);
      w.u32(p + 16, size).u32(p + 20, memory).u32(p + 24, FLAGS_RWX).u32(p + 28, align);
    }
  };
  loads.forEach((l, i) => {
    w.copy(offsets[i], image.subarray(l.offset, l.offset + l.size));
    header(i, PT_LOAD, offsets[i], l.virtual, l.physical, l.size, l.memorySize, 1);
  });
  notes.forEach((n, i) => {
    const load = loads[n.index];
    header(loads.length + i, PT_NOTE, offsets[n.index] + n.within, load.virtual + BigInt(n.within), load.physical + n.within, n.size, n.size, n.align);
  });
  return w.bytes;
}
