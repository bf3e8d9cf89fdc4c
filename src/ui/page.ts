/** Puts the page together: the machines, the chosen one's terminals and screen, controls, panels. */
import type { MachineSummary, Manager, ManagerEvent } from "../vmm/api.ts";
import { byId, messageOf } from "./dom.ts";
import { remember, remembered } from "./remember.ts";
import type { ConnectDisplay } from "./screen.ts";
import type { LogLine, PageServices } from "./services.ts";
import { installClipboardKeys, installShortcuts, type Shortcut } from "./shortcuts.ts";
import { installTestHook } from "./test-hook.ts";
import { Theme } from "./theme.ts";
import { Card } from "./views/card.ts";
import { installDrop } from "./views/drop.ts";
import { KeyBar } from "./views/keybar.ts";
import { MachineList } from "./views/machine-list.ts";
import { Monitor } from "./views/monitor.ts";
import { Panel } from "./views/panel.ts";
import { paneKey, Panes } from "./views/panes.ts";
import { showStorage } from "./views/storage.ts";
import { StatusView } from "./views/status.ts";
import { Tasks } from "./views/tasks.ts";
import { Toolbar } from "./views/toolbar.ts";
import type { StoppedView } from "./later/stopped.ts";

export interface PageStart {
  readonly manager: Manager;
  readonly connectDisplay: ConnectDisplay;
  readonly autostart: boolean;
  /** A feature that this browser has not, or null. */
  readonly lacking: string | null;
}

/** Lines of a machine's log that are kept. */
const LOG_LINES = 500;
const CHOSEN = "machine";

export async function startPage({ manager, connectDisplay, autostart, lacking }: PageStart): Promise<void> {
  let chosen: string | null = null;
  const logs = new Map<string, LogLine[]>();
  /** What the card says about a failed start; `missing`: there is no default guest. */
  const missing = new Set<string>();

  const status = new StatusView();
  const banner = byId("banner");
  const showBanner = (message: string | null): void => {
    banner.hidden = message === null;
    byId("banner-text").textContent = message ?? "";
  };
  byId("banner-close").addEventListener("click", () => showBanner(null));

  const current = (): MachineSummary | null => (chosen === null ? null : manager.get(chosen));
  const services: PageServices = {
    manager,
    tasks: new Tasks(byId("tasks")),
    fail: (error) => {
      const message = messageOf(error);
      status.announce(message);
      showBanner(message);
    },
    announce: (text) => status.announce(text),
    choose: (id) => choose(id),
    log: (id) => logs.get(id) ?? [],
    takeFiles: (files) => void import("./later/new-machine.ts").then((m) => m.takeFiles(files, chosen, services)).catch(services.fail),
  };
  const attempt = (work: Promise<unknown>): void => void work.catch(services.fail);

  const panes: Panes = new Panes(byId("terminals"), {
    connect: (id, listener) => manager.console(id, listener),
    name: (id, port) => `${manager.get(id)?.name ?? ""}${port === 0 ? "" : `, ttyS${port}`}`,
    resized: (columns, rows) => status.terminalSize(columns, rows),
    transform: (text) => keybar.transform(text),
  });
  const keybar: KeyBar = new KeyBar(byId("keybar"), () => panes.current?.terminal ?? null);
  const monitor: Monitor = new Monitor(connectDisplay, {
    key: (code, pressed) => mine()?.console.key(code, pressed),
    mouse: (input) => mine()?.console.mouse(input),
    announce: (text) => status.announce(text),
    viewChanged: () => {
      panes.fit();
      focusView();
    },
  });
  /** The chosen machine's own, whichever terminal is in use. */
  const mine = (): ReturnType<typeof panes.of> => (chosen === null ? null : panes.of(chosen));
  installTestHook({
    terminalText: (last) => mine()?.terminal.text(last) ?? "",
    screenText: () => monitor.screen.text(),
    frames: () => monitor.screen.framesShown(),
    instructions: () => current()?.status?.instructions ?? 0,
  });

  const focusView = (): void => {
    if (document.querySelector("dialog[open], [popover]:popover-open") !== null) return;
    if (monitor.view === "screen") monitor.focus();
    else panes.focus();
  };
  const powerOn = (): void => {
    const id = chosen;
    if (id === null) return;
    showBanner(null);
    missing.delete(id);
    manager.start(id).catch((error: unknown) => {
      if (error instanceof Error && error.name === "GuestMissingError") missing.add(id);
      status.announce(messageOf(error));
      if (chosen === id) render();
    });
    focusView();
  };
  const openSettings = (): void => {
    const id = chosen;
    if (id !== null) attempt(import("./later/settings/settings.ts").then((m) => m.openSettings(id, services, powerOn)));
  };
  const newMachine = (): void => attempt(import("./later/new-machine.ts").then((m) => m.openNewMachine(services)));
  const takeSnapshot = (): void => {
    const id = chosen;
    if (id !== null) attempt(import("./later/snapshots/take.ts").then((m) => m.takeSnapshot(id, services)));
  };

  const card = new Card(byId("card"), { powerOn, powerOff: () => chosen !== null && attempt(manager.powerOff(chosen)), openSettings, newMachine });
  let stopped: Promise<StoppedView> | null = null;
  const showStopped = (machine: MachineSummary | null): void => {
    const report = machine?.state === "stopped" ? machine.report : null;
    if (report === null && stopped === null) return;
    stopped ??= import("./later/stopped.ts").then((m) => new m.StoppedView(byId("stopped"), { startAgain: powerOn, openSettings, closed: () => toolbar.focusFirst() }));
    // Where the state has changed meanwhile, the later call counts.
    attempt(stopped.then((view) => {
      const now = current();
      if (now?.state === "stopped" && now.report !== null) view.show(now.report);
      else view.hide();
    }));
  };

  const machinesNav = byId("machines");
  const small = window.matchMedia("(max-width: 1000px)");
  const showMachines = (open: boolean): void => {
    machinesNav.dataset["open"] = String(open);
    byId("toggle-machines").setAttribute("aria-expanded", String(open));
    panes.fit();
  };
  showMachines(!small.matches && remembered("machines") !== "closed");
  small.addEventListener("change", () => showMachines(!small.matches));
  machinesNav.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !small.matches) return;
    showMachines(false);
    byId("toggle-machines").focus();
  });

  const panel: Panel = new Panel(services, () => panes.fit());
  const panelKeys: readonly Shortcut[] = [
    { code: "KeyG", key: "G", description: "Snapshots", run: () => panel.toggle("snapshots") },
    { code: "KeyD", key: "D", description: "Drives", run: () => panel.toggle("drives") },
    { code: "KeyO", key: "O", description: "Shared folder", run: () => panel.toggle("files") },
    { code: "KeyX", key: "X", description: "Inspect", run: () => panel.toggle("inspect") },
    { code: "KeyJ", key: "J", description: "Log", run: () => panel.toggle("log") },
    { code: "KeyT", key: "T", description: "Go from the terminal or screen to the controls and back", run: () => {
      if (panes.focused || monitor.focused) toolbar.focusFirst();
      else focusView();
    } },
  ];
  const toolbar: Toolbar = new Toolbar({
    powerOn,
    pauseOrResume: () => {
      if (chosen !== null) attempt(current()?.state === "paused" ? manager.resume(chosen) : manager.pause(chosen));
    },
    reset: () => {
      if (chosen !== null) attempt(manager.reset(chosen));
      focusView();
    },
    powerOff: () => chosen !== null && attempt(manager.powerOff(chosen)),
    powerButton: () => chosen !== null && attempt(manager.powerButton(chosen).then((heard) => {
      if (!heard) services.fail("The guest does not listen to the power button.");
    })),
    takeSnapshot,
    newMachine,
    toggleMachines: () => {
      const open = machinesNav.dataset["open"] !== "true";
      showMachines(open);
      if (!small.matches) remember("machines", open ? null : "closed");
      if (open) machinesNav.querySelector<HTMLElement>('[aria-current="true"]')?.focus();
    },
    syncSize: () => panes.current?.terminal.syncSize(),
    openSettings,
    nextTheme: () => {
      theme.next();
      status.announce(byId("theme").getAttribute("aria-label") ?? "");
    },
    openHelp: () => attempt(import("./later/help.ts").then((m) => m.openHelp(toolbar.shortcuts))),
  }, panelKeys);
  const theme: Theme = new Theme((changed) => {
    panes.setDark(changed.dark);
    toolbar.themeChanged(changed);
  });
  installShortcuts(toolbar.shortcuts);
  installClipboardKeys({ get focused() { return panes.focused; }, copySelection: async () => (await panes.current?.terminal.copySelection()) ?? false }, () => status.announce("Copied"));
  byId("add-terminal").addEventListener("click", (event) => {
    const at = event.currentTarget as HTMLElement;
    attempt(import("./later/menu.ts").then(({ openMenu }) => {
      const others = manager.list().flatMap(({ id, name, definition }) =>
        Array.from({ length: definition.console.ports }, (_, port) => ({ label: `${name}, ttyS${port}`, run: () => panes.add(id, port), disabled: panes.shown.includes(paneKey(id, port)) })));
      openMenu(at, others, "Add a terminal");
    }));
  });
  byId("open-storage").addEventListener("click", () => attempt(import("./later/storage.ts").then((m) => m.openStorage(services))));
  const reader = (on: boolean): void => {
    panes.setScreenReader(on);
    monitor.screen.setScreenReader(on);
  };
  reader(remembered("reader") === "on");
  window.addEventListener("tabvisor-reader", () => reader(remembered("reader") === "on"));
  installDrop((files) => services.takeFiles(files), showBanner);

  const list = new MachineList({
    choose: (id) => {
      choose(id);
      if (small.matches) showMachines(false);
      focusView();
    },
    menu: (id, at) => attempt(import("./later/machine-menu.ts").then((m) => m.openMachineMenu(id, at, services))),
  });

  /** Everything that shows the chosen machine. */
  const render = (): void => {
    const machine = current();
    const phase = machine?.state ?? null;
    status.show(machine);
    toolbar.phase(phase);
    monitor.phase(phase);
    if (machine !== null) monitor.inputState(machine.input);
    showStopped(machine);
    if (machine === null) card.none();
    else if (machine.state === "loading") {
      card.loading();
      if (machine.progress !== null) card.progress(machine.progress);
    } else if (machine.state === "saved") card.saved();
    else if (machine.state !== "off") card.hide();
    else if (missing.has(machine.id)) card.missing();
    else if (machine.error !== null) card.failed(machine.error);
    else card.off();
  };
  let shownState = "";
  const choose = (id: string | null): void => {
    if (id !== chosen || id === null) {
      chosen = id;
      remember(CHOSEN, id);
      // main.ts reads it before there is a manager.
      remember("other", bootsByItself(current()) ? null : "yes");
      showBanner(null);
      panes.choose(id);
      mine()?.console.attachDisplay(() => monitor.screen.port());
    }
    shownState = "";
    list.mark(id);
    panel.choose(id);
    render();
  };
  const onEvent = (event: ManagerEvent): void => {
    switch (event.kind) {
      case "list": {
        const machines = manager.list();
        for (const id of logs.keys()) if (manager.get(id) === null) logs.delete(id);
        list.render(machines, chosen);
        if (chosen !== null && manager.get(chosen) === null) {
          panes.removeMachine(chosen);
          choose(machines.at(0)?.id ?? null);
        } else if (chosen === null && machines.length > 0) choose(machines[0].id);
        void showStorage(manager);
        break;
      }
      case "machine":
        list.update(event.machine);
        panes.rename(event.id);
        if (event.id === chosen) {
          if (event.machine.state !== shownState && event.machine.state === "loading") showBanner(null);
          shownState = event.machine.state;
          render();
        }
        break;
      case "log": {
        const lines = logs.get(event.id) ?? [];
        lines.push({ atMs: event.atMs, level: event.level, message: event.message });
        if (lines.length > LOG_LINES) lines.shift();
        logs.set(event.id, lines);
        if (event.level === "error" && event.id === chosen && manager.get(event.id)?.state === "running") showBanner(event.message);
        break;
      }
      case "snapshots":
        void showStorage(manager);
        break;
      case "folder":
        break;
    }
  };
  manager.subscribe(onEvent);
  document.addEventListener("visibilitychange", () => manager.setVisible(!document.hidden));

  const machines = manager.list();
  list.render(machines, null);
  const before = remembered(CHOSEN);
  choose(machines.find((m) => m.id === before)?.id ?? machines.at(0)?.id ?? null);
  if (lacking !== null) card.failed(`This browser lacks ${lacking}.`);
  else if (autostart && bootsByItself(current())) powerOn();
  document.documentElement.dataset["ready"] = "true";
  setTimeout(() => void showStorage(manager), 2000);
}

/** The default guest needs nothing of the user's, and a visitor wants to see something. */
function bootsByItself(machine: MachineSummary | null): boolean {
  if (machine === null) return false;
  const { boot } = machine.definition;
  return "kernel" in boot && "guest" in boot.kernel && boot.kernel.guest === "default";
}
