/** What has happened to a machine since the page was opened. */
import "./styles/panels.css";
import { button, copyText, h } from "../dom.ts";
import type { LogLine, PageServices, PanelContent } from "../services.ts";

export function openLog(host: HTMLElement, id: string, services: PageServices): PanelContent {
  const list = h("ol", { class: "log", role: "log", "aria-label": "Log", tabindex: 0 });
  const text = (line: LogLine): string => `${new Date(line.atMs).toLocaleTimeString()}  ${line.message}`;
  const add = (line: LogLine): void => {
    list.append(h("li", { class: line.level }, h("time", {}, new Date(line.atMs).toLocaleTimeString()), h("span", {}, line.message)));
  };
  services.log(id).forEach(add);
  const empty = h("p", { class: "empty", hidden: list.childElementCount > 0 }, "Nothing has happened yet.");
  const copy = button("Copy", () => void copyText(services.log(id).map(text).join("\n")).then((done) => services.announce(done ? "Copied" : "Copying was refused")));
  host.append(h("div", { class: "panel-actions" }, copy), empty, list);
  host.scrollTop = host.scrollHeight;
  const unsubscribe = services.manager.subscribe((event) => {
    if (event.kind !== "log" || event.id !== id) return;
    const atEnd = host.scrollTop + host.clientHeight > host.scrollHeight - 30;
    empty.hidden = true;
    add(event);
    if (atEnd) host.scrollTop = host.scrollHeight;
  });
  return { close: unsubscribe };
}
