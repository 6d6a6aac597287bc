// What charts share with each other.

const LEAST = 58;
/** Of the axes' font, and the space between a label and the plot. */
const DIGIT = 6.6;
const SPACE = 14;

/** How wide a y axis is for its labels; for uPlot's `size`. */
export function axisWidth(_plot: unknown, labels: string[] | null): number {
  return Math.max(LEAST, Math.ceil(SPACE + DIGIT * Math.max(0, ...(labels ?? []).map((text) => text.length))));
}
