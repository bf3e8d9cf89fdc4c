/** Files dropped anywhere on the page. A part of it with a use of its own for them takes the event first. */
import { h, icon } from "../dom.ts";

export function installDrop(onDrop: (files: readonly File[]) => void, onError: (message: string) => void): void {
  const layer = h("div", { class: "drop-layer", id: "drop-layer", hidden: true },
    h("div", { class: "drop-box" }, icon("file"), h("strong", {}, "Drop a kernel, a disk, an ISO or a saved machine"), h("span", {}, "They are read in this tab and go nowhere else.")));
  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;

  window.addEventListener("dragover", (event) => {
    if (event.defaultPrevented) layer.hidden = true;
    if (!carriesFiles(event) || event.defaultPrevented) return;
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "copy";
    if (!layer.hidden) return;
    // An open modal dialog is above everything else: the layer goes into it.
    (document.querySelector("dialog[open]") ?? document.body).append(layer);
    layer.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) layer.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    layer.hidden = true;
    if (!carriesFiles(event) || event.defaultPrevented) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length === 0) return;
    // A folder is a file that cannot be read.
    Promise.all(files.map((file) => file.slice(0, 1).arrayBuffer())).then(() => onDrop(files), () => onError("The dropped files cannot be read: drop files, not folders."));
  });
}
