/**
 * The middle of the values; between the two middle ones when their count is even.
 * @param {readonly number[]} values
 * @returns {number}
 */
export function median(values) {
  if (values.length === 0) throw new Error("a median needs values");
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  const middle = sorted.length % 2 === 1 ? sorted.slice(half, half + 1) : sorted.slice(half - 1, half + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/**
 * Rise of y for each x, by least squares.
 * @param {readonly { x: number, y: number }[]} points
 * @returns {number}
 */
export function slope(points) {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const rise = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const run = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return rise / run;
}
