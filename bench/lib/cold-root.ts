/** The files of Debian's Python and Perl with their libraries, as members of an initramfs. */
import { join } from "node:path";
import type { CpioEntry } from "../../tools/image/cpio.ts";
import { compilePythonModules, rootMembers, unpackedPackages } from "../../tools/image/unpacked.ts";
import { BUILD } from "./paths.ts";

const PACKAGES = ["python3-minimal", "perl-base"];
/** Needed to install packages and for TLS, not to start the programs. */
const WITHOUT = ["dpkg", "libssl3", "debconf"];
/** Nothing of it is opened, and it would only fill the guest's memory. */
const LEFT_OUT = /^usr\/(share\/(doc|man|locale|lintian|bug|binfmts|apport)|lib\/[^/]+\/gconv)(\/|$)/;

export interface ColdRoot {
  readonly entries: readonly CpioEntry[];
  /** For the table: the packages' versions. */
  readonly python: string;
  readonly perl: string;
}

/** Unpacks the packages into a folder, once for each set of versions. */
export async function coldRoot(log: (line: string) => void): Promise<ColdRoot> {
  if (process.arch !== "x64") throw new Error("the packages' own interpreter has to run here, and this is no x86-64");
  const { folder, versions } = await unpackedPackages(join(BUILD, "cold-root"), PACKAGES, WITHOUT, async (root) => {
    log("unpacking Python and Perl");
    await compilePythonModules(root);
  });
  const version = (pattern: RegExp): string => [...versions].find(([name]) => pattern.test(name))?.[1] ?? "";
  return { entries: await rootMembers(folder, LEFT_OUT), python: version(/^python3\.\d+-minimal$/), perl: version(/^perl-base$/) };
}
