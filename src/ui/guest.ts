/** The default guest, as page code names it. */
export { DefaultGuest, GuestMissingError, parseManifest, type GuestManifest } from "../vmm/manager/open.ts";
