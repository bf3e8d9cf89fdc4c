/** Commands over a store that start no machine. */
export const STORE_COMMANDS = ["snapshots", "export", "import", "remove"] as const;
export type StoreCommand = (typeof STORE_COMMANDS)[number];
