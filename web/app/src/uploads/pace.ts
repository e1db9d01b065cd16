// How fast bytes go, and how long the rest of them takes.

const WINDOW_MS = 8_000;

export class Pace {
  private marks: { at: number; bytes: number }[] = [];

  /** Notes how many bytes have gone in all. */
  note(bytes: number, at = Date.now()): void {
    this.marks.push({ at, bytes });
    this.marks = this.marks.filter((mark) => at - mark.at <= WINDOW_MS);
  }

  /** Bytes a second, over the last seconds. */
  perSecond(now = Date.now()): number {
    const first = this.marks[0];
    const last = this.marks.at(-1);
    if (!first || !last || now - first.at < 1_500) return 0;
    return Math.max(0, ((last.bytes - first.bytes) * 1000) / (now - first.at));
  }

  reset(): void {
    this.marks = [];
  }
}
