/** What vmm/ shows of its firmware to those who provide an image. */
export { provideFirmware } from "./boot/provided.ts";
