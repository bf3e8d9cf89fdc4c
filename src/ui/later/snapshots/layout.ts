/** Where the nodes of a snapshot tree stand: one row for each, a lane for each branch. Pure. */

export interface TreeItem {
  readonly id: string;
  /** Null, or not in the list: a root. */
  readonly parent: string | null;
  /** Orders siblings: the latest continues its parent's lane. */
  readonly createdMs: number;
}

export interface Placed<T extends TreeItem> {
  readonly item: T;
  readonly row: number;
  readonly lane: number;
  /** From 1, as aria-level counts. */
  readonly level: number;
  readonly parentRow: number | null;
  readonly parentLane: number;
}

export interface TreeLayout<T extends TreeItem> {
  readonly placed: readonly Placed<T>[];
  readonly lanes: number;
}

/**
 * Parents above children. Of a node's children the one whose branch holds `current` (else the latest) goes straight on below
 * all the others, which stand to the right: so no line crosses another. A loop in bad data is cut.
 */
export function layoutTree<T extends TreeItem>(items: readonly T[], current: string | null): TreeLayout<T> {
  const byId = new Map(items.map((item) => [item.id, item]));
  const children = new Map<string, T[]>();
  const roots: T[] = [];
  for (const item of [...items].sort((a, b) => a.createdMs - b.createdMs)) {
    const siblings = item.parent !== null && byId.has(item.parent) && item.parent !== item.id ? children.get(item.parent) : undefined;
    if (item.parent === null || !byId.has(item.parent) || item.parent === item.id) roots.push(item);
    else if (siblings === undefined) children.set(item.parent, [item]);
    else siblings.push(item);
  }
  const line = new Set<string>();
  for (let at = current; at !== null && !line.has(at); at = byId.get(at)?.parent ?? null) line.add(at);

  const placed: Placed<T>[] = [];
  const seen = new Set<string>();
  const place = (root: T, lane: number, above: Placed<T> | null): void => {
    // A chain is a loop, not a recursion: a machine may have thousands of snapshots in a row.
    let parent = above;
    let node: T | null = root;
    while (node !== null) {
      if (seen.has(node.id)) return;
      seen.add(node.id);
      const here: Placed<T> = {
        item: node, row: placed.length, lane, level: (parent?.level ?? 0) + 1, parentRow: parent?.row ?? null, parentLane: parent?.lane ?? lane,
      };
      placed.push(here);
      const below: T[] = (children.get(node.id) ?? []).filter((child) => !seen.has(child.id));
      const straight: T | null = below.find((child) => line.has(child.id)) ?? below.at(-1) ?? null;
      const others = below.filter((child) => child !== straight);
      // Each side branch is to the right of the next one's line, which passes it on its way down.
      others.forEach((child, i) => place(child, lane + others.length - i, here));
      parent = here;
      node = straight;
    }
  };
  for (const root of roots) place(root, 0, null);
  // What hangs in a loop has no root.
  for (const item of items) if (!seen.has(item.id)) place(item, 0, null);
  return { placed, lanes: placed.reduce((n, p) => Math.max(n, p.lane + 1), 0) };
}

/** What lies below a node, with itself: what a restore of an ancestor leaves, what a branch takes along. */
export function subtree<T extends TreeItem>(items: readonly T[], id: string): readonly string[] {
  const found = new Set([id]);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const item of items) if (item.parent !== null && found.has(item.parent)) found.add(item.id);
  }
  return [...found];
}
