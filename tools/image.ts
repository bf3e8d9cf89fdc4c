/** `npm run image`: assembles the default guest, or another Debian kernel's, out of Debian packages. */
import { parseArgs } from "node:util";
import { UserError } from "../src/base/errors.ts";
import { GUEST_FILES } from "./image/build.ts";
import { ensureImage } from "./image/ensure.ts";
import { DEFAULT_KERNELS } from "./image/packages.ts";

const HELP = `Usage: npm run image -- [options]

Assembles a guest (kernel, initramfs, modules) out of Debian packages, as an ordinary user.

  --kernel PACKAGE  kernel package or metapackage, e.g. linux-image-amd64, linux-image-686 (default: ${DEFAULT_KERNELS[0]})
  --update          look for newer packages
  --deb FILE        use this package instead of apt; give one for each of kernel and busybox-static
  --help
`;

interface Options {
  readonly kernel?: string;
  readonly update?: boolean;
  readonly deb?: string[];
  readonly help?: boolean;
}

function parse(): Options {
  try {
    return parseArgs({
      options: { kernel: { type: "string" }, update: { type: "boolean" }, deb: { type: "string", multiple: true }, help: { type: "boolean", short: "h" } },
    }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

// `| head` closes the pipe early.
process.stdout.on("error", () => process.exit());

const options = parse();
if (options.help === true) {
  process.stdout.write(HELP);
  process.exit();
}
try {
  const guest = await ensureImage({
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.update === undefined ? {} : { update: true }),
    ...(options.deb === undefined ? {} : { debs: options.deb }),
  });
  const { info } = guest;
  console.log(`${guest.folder}: ${info.kernelPackage.name} ${info.kernelPackage.version}, ${info.busyboxPackage.name} ${info.busyboxPackage.version}`);
  for (const name of GUEST_FILES) console.log(`${String(info.files[name].size).padStart(10)}  ${name}`);
  console.log(`command line: ${info.cmdline}`);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
