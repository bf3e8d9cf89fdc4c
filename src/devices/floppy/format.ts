/** Floppy disks by the size of their image: the formats of the PC (IBM PC AT and PS/2 Technical References). */

export interface FloppyFormat {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** Type in CMOS register 10h: 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M. */
  readonly driveType: number;
}

const FORMATS: readonly FloppyFormat[] = [
  { cylinders: 80, heads: 2, sectors: 18, driveType: 4 },
  { cylinders: 80, heads: 2, sectors: 36, driveType: 5 },
  { cylinders: 80, heads: 2, sectors: 15, driveType: 2 },
  { cylinders: 80, heads: 2, sectors: 9, driveType: 3 },
  { cylinders: 40, heads: 2, sectors: 9, driveType: 1 },
  { cylinders: 40, heads: 2, sectors: 8, driveType: 1 },
  { cylinders: 40, heads: 1, sectors: 9, driveType: 1 },
  { cylinders: 40, heads: 1, sectors: 8, driveType: 1 },
  // Formats of DMF and of tools that squeeze more out of a disk.
  { cylinders: 80, heads: 2, sectors: 21, driveType: 4 },
  { cylinders: 82, heads: 2, sectors: 21, driveType: 4 },
  { cylinders: 83, heads: 2, sectors: 21, driveType: 4 },
];

const size = (f: FloppyFormat): number => f.cylinders * f.heads * f.sectors;

/** The format of an image with so many 512-byte sectors: the smallest that holds it, or null when none does. */
export function floppyFormat(sectors: number): FloppyFormat | null {
  const exact = FORMATS.find((f) => size(f) === sectors);
  if (exact !== undefined) return exact;
  // An image cut after its data, as assemblers write boot sectors.
  const holding = FORMATS.filter((f) => f.driveType === 4 && size(f) > sectors).sort((a, b) => size(a) - size(b));
  return holding[0] ?? null;
}
