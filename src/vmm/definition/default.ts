/** The definition that says nothing: the default guest on the default machine. Equal to what the validator makes of `{}` (a test), without it. */
import { DEFAULT_MODEL } from "../../cpu/helpers/features.ts";
import { DEFAULT_MEMORY_MIB } from "../config.ts";
import type { MachineDefinition } from "./definition.ts";

export const DEFAULT_DEFINITION: MachineDefinition = {
  name: "Machine",
  cpu: { model: DEFAULT_MODEL, share: 1, tier: "auto" },
  memory: DEFAULT_MEMORY_MIB,
  boot: { kernel: { guest: "default" }, initrds: [], cmdline: null },
  disks: [],
  cdroms: [],
  floppies: [],
  sharedFolders: [],
  network: [],
  display: "std",
  console: { ports: 1, backlog: 262_144 },
  devices: { rng: null, balloon: null, debugExit: null },
  deterministic: false,
  reboot: true,
  background: "run",
  storage: { quota: null },
};
