/** Tells those who watch that something changed; `settled` when it was the end of a change, and the pen is up. */
export class Signal {
  private readonly watchers = new Set<(settled: boolean) => void>();
  tell(settled: boolean): void {
    for (const watcher of this.watchers) watcher(settled);
  }
  watch(watcher: (settled: boolean) => void): () => void {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }
}
