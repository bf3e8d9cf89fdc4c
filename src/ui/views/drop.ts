/** Files dropped anywhere on the page. */
import { classifyImage, type ImageKind } from "../sources.ts";

export interface DroppedFile {
  readonly file: File;
  readonly kind: ImageKind;
}

export function installDrop(layer: HTMLElement, onDrop: (files: readonly DroppedFile[]) => void, onError: (message: string) => void): void {
  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
  const host = layer.parentElement;

  window.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "copy";
    if (!layer.hidden) return;
    // An open modal dialog is above everything else: the layer goes into it.
    (document.querySelector("dialog[open]") ?? host)?.append(layer);
    layer.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) layer.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    layer.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length === 0) return;
    void classifyAll(files).then(onDrop, () => onError("The dropped files cannot be read: drop files, not folders."));
  });
}

async function classifyAll(files: readonly File[]): Promise<DroppedFile[]> {
  return Promise.all(
    files.map(async (file) => ({
      file,
      kind: classifyImage(file.name, new Uint8Array(await file.slice(0, 1024).arrayBuffer())),
    })),
  );
}
