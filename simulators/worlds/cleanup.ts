/** What a world has opened and must close, in reverse, also when it was not opened to the end. */
export class Cleanup {
  readonly #closers: (() => Promise<void>)[] = [];

  /** Registers a closer; returns it so that it can be called earlier, and runs once. */
  add(close: () => Promise<void> | void): () => Promise<void> {
    let closing: Promise<void> | undefined;
    const once = (): Promise<void> => (closing ??= Promise.resolve(close()));
    this.#closers.push(once);
    return once;
  }

  /**
   * Closes everything; what fails to close does not keep the rest open. The first failure is thrown at
   * the end.
   */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
