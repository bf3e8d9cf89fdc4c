/** Takes a snapshot under a name. */
import type { PageServices } from "../../services.ts";
import { askText } from "../sheet.ts";

export async function takeSnapshot(id: string, { manager, tasks, fail, announce }: PageServices): Promise<void> {
  try {
    const count = (await manager.snapshots(id)).length;
    const answer = await askText({ title: "Take a snapshot", label: "Name", value: `Snapshot ${count + 1}`, yes: "Take it", notes: { label: "Notes", value: "" } });
    if (answer === null) return;
    await tasks.run(`Taking ${answer.text}`, (report) => manager.takeSnapshot(id, { name: answer.text, notes: answer.notes }, report));
    announce(`Taken: ${answer.text}`);
  } catch (error) {
    fail(error);
  }
}
