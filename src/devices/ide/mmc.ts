/** Answers of a CD-ROM drive that depend on the disc's size only: table of contents, features, mode pages (MMC-3, T10/1363-D). */

export const CD_SECTOR_BYTES = 2048;

/** Sense keys (SPC-3 table 27). */
export const SENSE = { notReady: 2, mediumError: 3, illegalRequest: 5, unitAttention: 6 } as const;
/** Additional sense code and qualifier (SPC-3 annex D). */
export const ASC = {
  unrecoveredRead: 0x1100, invalidOpcode: 0x2000, addressOutOfRange: 0x2100, invalidField: 0x2400, mediumMayHaveChanged: 0x2800, savingNotSupported: 0x3900,
  noMedium: 0x3a00, removalPrevented: 0x5302,
} as const;

const LEAD_OUT = 0xaa;

/** A disc address: as a block number, or as 0, minute, second, frame with the two seconds of lead-in (MMC-3 table 335). */
function address(lba: number, msf: boolean): number[] {
  if (!msf) return [(lba >>> 24) & 0xff, (lba >>> 16) & 0xff, (lba >>> 8) & 0xff, lba & 0xff];
  const frames = lba + 150;
  return [0, Math.min(255, Math.floor(frames / 4500)), Math.floor(frames / 75) % 60, frames % 75];
}

/** READ TOC/PMA/ATIP (§6.25) of a disc with one data track; null for what it does not have. */
export function readToc(sectors: number, msf: boolean, format: number, firstTrack: number): Uint8Array | null {
  const body: number[] = [1, 1];
  switch (format) {
    case 0:
      if (firstTrack > 1 && firstTrack !== LEAD_OUT) return null;
      if (firstTrack <= 1) body.push(0, 0x14, 1, 0, ...address(0, msf));
      body.push(0, 0x14, LEAD_OUT, 0, ...address(sectors, msf));
      break;
    case 1: body.push(0, 0x14, 1, 0, ...address(0, msf)); break;
    case 2:
      for (const [point, p] of [[0xa0, [1, 0, 0]], [0xa1, [1, 0, 0]], [0xa2, address(sectors, true).slice(1)], [1, address(0, true).slice(1)]] as const) {
        body.push(1, 0x14, 0, point, 0, 0, 0, 0, ...p);
      }
      break;
    default: return null;
  }
  return Uint8Array.of(body.length >>> 8, body.length & 0xff, ...body);
}

/** GET CONFIGURATION (§6.5): `which` 0 all, 1 current, 2 one feature; from feature `first` on. */
export function featureList(hasDisc: boolean, which: number, first: number): Uint8Array {
  const disc = hasDisc ? 1 : 0;
  const features: readonly (readonly [code: number, version: number, current: number, data: readonly number[]])[] = [
    [0x0000, 0, 1, [0x00, 0x08, disc, 0]], // profile list: CD-ROM
    [0x0001, 1, 1, [0, 0, 0, 2, 1, 0, 0, 0]], // core: ATAPI
    [0x0002, 0, 1, [2, 0, 0, 0]], // morphing
    [0x0003, 0, 1, [0x29, 0, 0, 0]], // removable: tray, eject, lock
    [0x0010, 0, disc, [0, 0, 8, 0, 0, 1, 1, 0]], // random readable, 2048 bytes
    [0x001e, 0, disc, [0, 0, 0, 0]], // CD read
  ];
  const body: number[] = [0, 0, 0, hasDisc ? 0x08 : 0];
  for (const [code, version, current, data] of features) {
    const wanted = which === 2 ? code === first : code >= first && (which === 0 || current === 1);
    if (wanted) body.push(code >>> 8, code & 0xff, (version << 2) | (code < 4 ? 2 : 0) | current, data.length, ...data);
  }
  return Uint8Array.of(0, 0, body.length >>> 8, body.length & 0xff, ...body);
}

/** MODE SENSE (10) (§6.10): header and pages, or null for a page that is not there. */
export function modePages(page: number, locked: boolean): Uint8Array | null {
  const pages: Record<number, readonly number[]> = {
    0x01: [0x01, 6, 0, 5, 0, 0, 0, 0], // error recovery
    0x0e: [0x0e, 14, 4, 0, 0, 0, 0, 0, 1, 0xff, 2, 0xff, 0, 0, 0, 0], // CD audio control
    0x2a: [0x2a, 18, 0x3b, 0, 0x71, 0x60, 0x29 | (locked ? 2 : 0), 0, 0x0b, 0, 1, 0, 2, 0, 0x0b, 0, 0, 0, 0, 0], // capabilities, 16x
  };
  const chosen = page === 0x3f ? Object.values(pages).flat() : pages[page];
  if (chosen === undefined) return null;
  const length = 6 + chosen.length;
  return Uint8Array.of(length >>> 8, length & 0xff, 1, 0, 0, 0, 0, 0, ...chosen);
}
