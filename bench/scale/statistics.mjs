/** What many measurements come to, and how they are printed. */

/** The value that this share of all is at most. */
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export const median = (values) => percentile(values, 0.5);

/** Least, middle and most of repeated measurements. */
const spread = (values) => ({
  min: Math.min(...values),
  median: median(values),
  max: Math.max(...values),
});

/** `12.3 (11.9–14.0)`: the middle of repeated measurements, between the least and the most. */
export function shown(values, digits = 1) {
  const { min, median: middle, max } = spread(values);
  return `${middle.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** Rows of text in columns; the first column is the name of the row. */
export function table(columns, rows) {
  const widths = columns.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => String(row[column]).length)),
  );
  const line = (row) =>
    row
      .map((cell, column) =>
        column === 0 ? String(cell).padEnd(widths[column]) : String(cell).padStart(widths[column]),
      )
      .join('   ');
  return [columns, ...rows].map((row) => `  ${line(row)}`).join('\n');
}
