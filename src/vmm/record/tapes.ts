/** What makes recordings and replays: loaded by machines that want one. */
export { bindingOf, checkBinding } from "./binding.ts";
export { Player, Recording } from "./player.ts";
export { Recorder } from "./recorder.ts";
