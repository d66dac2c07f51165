/** How far a job has come. */
export interface Progress {
  /** The bytes done. */
  readonly done: number;
  /** All bytes; above 0. */
  readonly total: number;
  /** The seconds since the beginning. */
  readonly seconds: number;
}

/** The longest bar; beyond that it shows nothing more. */
const MAXIMUM_BAR = 60;
/** A shorter bar is left out. */
const MINIMUM_BAR = 8;

/**
 * One line that shows how far a job has come: percent, a bar, speed and the time still to go. Where
 * the terminal is too narrow, the bar goes first, then the figures.
 *
 * @param progress How far the job has come.
 * @param width The columns that the line may take.
 * @param blocks Whether the terminal can show block characters.
 * @returns The line, at most `width` characters.
 */
export function progressLine(progress: Progress, width: number, blocks: boolean): string {
  const { done, total, seconds } = progress;
  const fraction = Math.min(done / total, 1);
  const speed = seconds > 0 ? done / seconds : 0;
  const percent = `${Math.floor(fraction * 100)} %`.padStart(5);
  const figures = `${(speed / 1e6).toFixed(1)} MB/s  ETA ${eta((total - done) / speed)}`;
  const room = Math.min(width - percent.length - figures.length - 4, MAXIMUM_BAR);
  if (room >= MINIMUM_BAR) return `${percent}  ${bar(fraction, room, blocks)}  ${figures}`;
  const narrow = `${percent}  ${figures}`;
  return narrow.length <= width ? narrow : percent.slice(0, Math.max(width, 0));
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function bar(fraction: number, width: number, blocks: boolean): string {
  const eighths = Math.floor(fraction * width * 8);
  const full = Math.floor(eighths / 8);
  if (!blocks) return "#".repeat(full).padEnd(width, ".");
  const part = EIGHTHS[eighths % 8]!;
  return ("█".repeat(full) + part).padEnd(width, "░");
}

function eta(seconds: number): string {
  if (!Number.isFinite(seconds)) return "--:--";
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
