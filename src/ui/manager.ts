/** The page's manager of machines. In work: it comes with src/vmm/manager/open.ts. */
import type { Manager } from "../vmm/api.ts";

export function openPageManager(): Promise<Manager> {
  return Promise.reject(new Error("the manager is not there yet"));
}
