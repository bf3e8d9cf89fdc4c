/** The inspection of the machine: registers, code, memory, page walks, breakpoints, exits. */
import { openInspector } from "../inspect/inspector.ts";
import type { PageServices, PanelContent } from "../services.ts";

export function openInspect(host: HTMLElement, id: string, { manager, announce }: PageServices): PanelContent {
  return openInspector(host, { connect: () => manager.debug(id), announce });
}
