/** What the page keeps in this browser: how much there is room for, the files, and whether the browser may throw it away. */
import type { StoredFile } from "../../vmm/api.ts";
import { button, h, icon } from "../dom.ts";
import { formatAgo, formatBytes } from "../format.ts";
import type { PageServices } from "../services.ts";
import { showStorage } from "../views/storage.ts";
import { ask, Sheet } from "./sheet.ts";

export async function openStorage(services: PageServices): Promise<void> {
  const { manager } = services;
  const sheet = new Sheet({ id: "storage", title: "Storage" });
  const draw = async (): Promise<void> => {
    const [{ usage, quota, persisted }, files] = await Promise.all([manager.storage(), manager.files()]);
    const keep = button("Ask to keep it", () => {
      void manager.persist().then((granted) => {
        services.announce(granted ? "The browser keeps it" : "The browser has refused");
        if (granted) return draw();
        refused.hidden = false;
        return undefined;
      }, services.fail);
    }, { id: "storage-persist" });
    const refused = h("p", { class: "hint", hidden: true }, "The browser has refused. It decides by how often you visit, or whether the page is installed or bookmarked.");
    sheet.body.replaceChildren(
      h("p", { class: "note" }, `${formatBytes(usage)} used of ${formatBytes(quota)} that this browser gives the page.`),
      h("meter", { min: 0, max: 1, value: quota > 0 ? usage / quota : 0, "aria-label": "Storage used" }),
      h("p", { class: "note" }, persisted ? "The browser keeps it until you remove it." : "When the disk is full, the browser may throw all of it away."),
      ...(persisted ? [] : [h("div", { class: "actions" }, keep), refused]),
      h("h3", {}, "Files"),
      files.length === 0 ? h("p", { class: "hint" }, "Images that you give to a machine are kept here.") : h("ul", { class: "files", id: "storage-files" }, ...files.map((file) => row(file))),
    );
    void showStorage(manager);
  };
  const row = (file: StoredFile): HTMLElement => {
    const used = file.usedBy.length > 0;
    const remove = h("button", { type: "button", class: "tool icon-only", disabled: used, "aria-label": `Remove ${file.name}`, title: used ? `Used by ${file.usedBy.join(", ")}` : "Remove" }, icon("close"));
    remove.addEventListener("click", () => {
      void ask({ title: `Remove ${file.name}?`, text: "The page's copy is removed; your own file is not touched.", yes: "Remove", danger: true })
        .then(async (yes) => {
          if (!yes) return;
          await manager.removeFile(file.name);
          await draw();
        })
        .catch(services.fail);
    });
    return h("li", {}, h("span", { class: "name", title: file.name }, file.name), h("span", { class: "bytes" }, `${formatBytes(file.bytes)}, ${used ? `used by ${file.usedBy.join(", ")}` : formatAgo(file.addedMs, Date.now())}`), remove);
  };
  await draw();
  sheet.open();
}
