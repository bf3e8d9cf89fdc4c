/** Runs asynchronous steps one after the other, and lets one wait until nobody is inside. */

export class Queue {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `step` after all before it, also after one that has failed. */
  run<T>(step: () => Promise<T>): Promise<T> {
    const result = this.last.then(step, step);
    this.last = result.catch(() => {});
    return result;
  }
}

/** Shared by many, or held by one alone who comes in turn. */
export class Gate {
  private inside = 0;
  private alone = false;
  private readonly waiting: { readonly exclusive: boolean; readonly enter: () => void }[] = [];

  enter(): Promise<void> {
    return this.join(false);
  }

  /** Resolves when all have left. Nobody comes in before `leaveAlone`. */
  enterAlone(): Promise<void> {
    return this.join(true);
  }

  leave(): void {
    this.inside--;
    this.next();
  }

  leaveAlone(): void {
    this.alone = false;
    this.next();
  }

  private join(exclusive: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ exclusive, enter: resolve });
      this.next();
    });
  }

  private next(): void {
    // One who wants to be alone lets others pass for as long as somebody is inside: they may depend on each other.
    for (let i = 0; i < this.waiting.length && !this.alone; ) {
      const { exclusive, enter } = this.waiting[i];
      if (exclusive && this.inside > 0) {
        i++;
        continue;
      }
      this.waiting.splice(i, 1);
      if (exclusive) this.alone = true;
      else this.inside++;
      enter();
    }
  }
}
