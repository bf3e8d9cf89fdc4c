/** Puts the page together: one session, its terminal, its controls. */
import { byId, messageOf } from "./dom.ts";
import { type DefaultGuest, GuestMissingError } from "./guest.ts";
import { type Connect, Session } from "./session.ts";
import type { ConnectDisplay } from "./screen.ts";
import { loadSettings, saveSettings } from "./settings.ts";
import { installClipboardKeys, installShortcuts } from "./shortcuts.ts";
import { defaultSource, ownSource } from "./sources.ts";
import { TerminalView } from "./terminal.ts";
import { installTestHook } from "./test-hook.ts";
import { Theme } from "./theme.ts";
import { Card } from "./views/card.ts";
import { installDrop } from "./views/drop.ts";
import { HelpSheet } from "./views/help.ts";
import { InspectPane } from "./views/inspect-pane.ts";
import { Monitor } from "./views/monitor.ts";
import { SettingsDialog } from "./views/settings-dialog.ts";
import { StatusView } from "./views/status.ts";
import { StoppedView } from "./views/stopped.ts";
import { Toolbar } from "./views/toolbar.ts";

export interface PageStart {
  readonly guest: DefaultGuest;
  readonly connect: Connect;
  readonly connectDisplay: ConnectDisplay;
  readonly autostart: boolean;
  /** A feature that this browser has not, or null. */
  readonly lacking: string | null;
}

export async function startPage({ guest, connect, connectDisplay, autostart, lacking }: PageStart): Promise<void> {
  const manifest = guest.manifest();
  manifest.catch(() => undefined); // handled where it is used
  const stored = loadSettings();

  const status = new StatusView();
  const banner = byId("banner");
  const showBanner = (message: string | null): void => {
    banner.hidden = message === null;
    byId("banner-text").textContent = message ?? "";
  };
  byId("banner-close").addEventListener("click", () => showBanner(null));

  const session: Session = new Session(connect, {
    phase: (phase, report) => {
      status.phase(phase, report);
      toolbar.phase(phase);
      monitor.phase(phase);
      switch (phase) {
        case "off":
          card.off();
          break;
        case "loading":
          showBanner(null);
          card.loading();
          break;
        case "starting":
          card.starting();
          break;
        case "running":
        case "paused":
          card.hide();
          break;
        case "stopped":
          card.hide();
          break;
      }
      if (report === null) stopped.hide();
      else stopped.show(report);
    },
    failed: (error, fatal) => {
      const message = messageOf(error);
      status.announce(message);
      if (error instanceof GuestMissingError) card.missing();
      else if (fatal) card.failed(message);
      else showBanner(message);
    },
    progress: (progress) => card.progress(progress),
    status: (machine) => {
      instructions = machine.instructions;
      status.status(machine, session.phase);
    },
    serial: (bytes) => terminal.write(bytes),
    restarted: (byGuest) => terminal.restart(byGuest),
    input: (state) => monitor.inputState(state),
    displayPort: () => {
      monitor.inputState({ leds: 0, mouse: false });
      return monitor.screen.port();
    },
  });
  if (lacking === null) session.prewarm();

  const terminal: TerminalView = new TerminalView(byId("terminal"), {
    onInput: (bytes) => session.type(bytes),
    onResize: (columns, rows) => status.terminalSize(columns, rows),
  });
  terminal.mountKeybar(byId("keybar"));
  const monitor: Monitor = new Monitor(connectDisplay, {
    key: (code, pressed) => session.key(code, pressed),
    mouse: (input) => session.mouse(input),
    announce: (text) => status.announce(text),
    viewChanged: () => {
      terminal.fit();
      focusView();
    },
  });
  let instructions = 0;
  installTestHook({
    terminalText: () => terminal.text(),
    screenText: () => monitor.screen.text(),
    frames: () => monitor.screen.framesShown(),
    instructions: () => instructions,
  });

  const powerOn = (): void => {
    const source = settings.choice === "own" ? ownSource(settings.images, settings.settings) : defaultSource(guest, settings.settings);
    void session.powerOn(source);
    focusView();
  };
  const focusView = (): void => {
    if (document.querySelector("dialog[open]") !== null) return;
    if (monitor.view === "screen") monitor.focus();
    else terminal.focus();
  };
  const openSettings = (): void => settings.open();

  const card = new Card(byId("card"), { powerOn, powerOff: () => void session.powerOff(), openSettings });
  const stopped = new StoppedView(byId("stopped"), { startAgain: powerOn, openSettings, closed: () => toolbar.focusFirst() });
  const toolbar: Toolbar = new Toolbar({
    powerOn,
    pauseOrResume: () => void (session.phase === "paused" ? session.resume() : session.pause()),
    reset: () => {
      void session.reset();
      focusView();
    },
    powerOff: () => void session.powerOff(),
    powerButton: () => void session.powerButton().then((heard) => {
      if (!heard) status.announce("The guest does not listen to the power button");
    }),
    syncSize: () => terminal.syncSize(),
    openSettings,
    toggleInspect: () => inspect.toggle(),
    nextTheme: () => {
      theme.next();
      status.announce(byId("theme").getAttribute("aria-label") ?? "");
    },
    openHelp: () => help.open(),
    toggleFocus: () => {
      if (terminal.focused || monitor.focused) toolbar.focusFirst();
      else focusView();
    },
  });
  const inspect = new InspectPane(() => session.debugger(), (text) => status.announce(text), () => {
    terminal.fit();
  });
  const help = new HelpSheet(toolbar.shortcuts, () => undefined);
  const theme: Theme = new Theme((changed) => {
    terminal.setDark(changed.dark);
    toolbar.themeChanged(changed);
  });
  installShortcuts(toolbar.shortcuts);
  installClipboardKeys(terminal, () => status.announce("Copied"));

  const settings = new SettingsDialog(await stored, {
    start: powerOn,
    changed: (changed) => {
      terminal.setScreenReader(changed.screenReader);
      monitor.screen.setScreenReader(changed.screenReader);
      void saveSettings(changed);
    },
    closed: () => undefined,
  });
  terminal.setScreenReader(settings.settings.screenReader);
  monitor.screen.setScreenReader(settings.settings.screenReader);
  installDrop(byId("drop-layer"), (files) => settings.drop(files), showBanner);
  manifest.then(
    (found) => settings.describeDefault(found.description, found.cmdline),
    (error: unknown) =>
      settings.describeDefault(error instanceof GuestMissingError ? "There is none on this server." : messageOf(error), null),
  );

  toolbar.phase("off");
  status.phase("off", null);
  if (lacking !== null) card.failed(`This browser lacks ${lacking}.`);
  else if (autostart) powerOn();
  else {
    card.off();
  }
  document.documentElement.dataset["ready"] = "true";
}
