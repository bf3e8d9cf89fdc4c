/** The line of storage under the list of machines. */
import type { Manager } from "../../vmm/api.ts";
import { byId } from "../dom.ts";
import { formatBytes } from "../format.ts";

export async function showStorage(manager: Manager): Promise<void> {
  try {
    const { usage, quota, persisted } = await manager.storage();
    byId("storage-text").textContent = quota > 0 ? `${formatBytes(usage)} of ${formatBytes(quota)}${persisted ? "" : ", not persistent"}` : "Storage";
    byId("storage-meter", HTMLMeterElement).value = quota > 0 ? usage / quota : 0;
  } catch {
    byId("storage-text").textContent = "No storage";
  }
}
