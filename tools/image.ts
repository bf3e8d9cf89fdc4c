/** `npm run image`: assembles the default guest, or another Debian kernel's, or a Debian disk, out of Debian packages. */
import { parseArgs } from "node:util";
import { UserError } from "../src/base/errors.ts";
import { GUEST_FILES } from "./image/build.ts";
import { makeBootable } from "./image/bootable.ts";
import { ensureDebian } from "./image/debian.ts";
import { ensureImage } from "./image/ensure.ts";
import { DEFAULT_KERNELS } from "./image/packages.ts";

const HELP = `Usage: npm run image -- [options]
       npm run image -- debian [--gcc] [--include PACKAGE[,PACKAGE]] [--size SIZE] [--bootable] [--update]

Assembles a guest (kernel, initramfs, modules) out of Debian packages, as an ordinary user.

  --kernel PACKAGE  kernel package or metapackage, e.g. linux-image-amd64, linux-image-686 (default: ${DEFAULT_KERNELS[0]})
  --update          look for newer packages
  --deb FILE        use this package instead of apt; give one for each of kernel and busybox-static

A Debian disk (ext4, no partitions; root without a password), by mmdebstrap:

  --gcc             with a C compiler, make and gdb
  --include LIST    with these packages
  --size SIZE       of the file system, e.g. 900M or 4G (default: 2G)
  --bootable        also boot.img: the disk with a partition table, GRUB, and the default guest's kernel
  --update          make it anew, with newer packages
  --help
`;

interface Options {
  readonly kernel?: string;
  readonly update?: boolean;
  readonly deb?: string[];
  readonly help?: boolean;
  readonly gcc?: boolean;
  readonly bootable?: boolean;
  readonly include?: string[];
  readonly size?: string;
}

const FOR_GUEST = ["kernel", "deb"] as const;
const FOR_DISK = ["gcc", "include", "size", "bootable"] as const;

function parse(): { readonly what: "guest" | "debian"; readonly options: Options } {
  try {
    const { values: options, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        kernel: { type: "string" }, update: { type: "boolean" }, deb: { type: "string", multiple: true }, help: { type: "boolean", short: "h" },
        gcc: { type: "boolean" }, bootable: { type: "boolean" }, include: { type: "string", multiple: true }, size: { type: "string" },
      },
    });
    const what = positionals.length === 0 ? "guest" : "debian";
    if (positionals.length > 1 || (what === "debian" && positionals[0] !== "debian")) throw new Error(`'${positionals.join(" ")}' is not known: only 'debian' is`);
    const misplaced = (what === "guest" ? FOR_DISK : FOR_GUEST).find((name) => options[name] !== undefined);
    if (misplaced !== undefined) throw new Error(`--${misplaced} is for ${what === "guest" ? "a Debian disk: npm run image -- debian" : "the kernel's guest, not for a Debian disk"}`);
    return { what, options };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

// `| head` closes the pipe early.
process.stdout.on("error", () => process.exit());

const { what, options } = parse();
if (options.help === true) {
  process.stdout.write(HELP);
  process.exit();
}
async function makeGuest(): Promise<void> {
  const guest = await ensureImage({
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.update === undefined ? {} : { update: true }),
    ...(options.deb === undefined ? {} : { debs: options.deb }),
  });
  const { info } = guest;
  console.log(`${guest.folder}: ${info.kernelPackage.name} ${info.kernelPackage.version}, ${info.busyboxPackage.name} ${info.busyboxPackage.version}`);
  for (const name of GUEST_FILES) console.log(`${String(info.files[name].size).padStart(10)}  ${name}`);
  console.log(`command line: ${info.cmdline}`);
}

async function makeDebian(): Promise<void> {
  const debian = await ensureDebian({
    include: (options.include ?? []).flatMap((list) => list.split(",")).filter((name) => name !== ""),
    gcc: options.gcc === true,
    update: options.update === true,
    ...(options.size === undefined ? {} : { size: options.size }),
  });
  const { disk, info } = debian;
  console.log(`${disk}: Debian ${info.suite}, ${Object.keys(info.versions).length} packages`);
  console.log(`command line: ${info.cmdline}`);
  if (options.bootable === true) console.log(`${makeBootable(debian, await ensureImage())}: boots by itself`);
}

try {
  await (what === "guest" ? makeGuest() : makeDebian());
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
