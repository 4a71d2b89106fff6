/** Times, lengths and text as people read them on a terminal. */

/** A place on the meeting's clock: `01:23`, or `1:01:23` past the hour. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  return hours === 0
    ? `${two(minutes)}:${two(seconds % 60)}`
    : `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** An instant in this machine's time: `2026-03-01 09:30`. */
export function moment(instant: string): string {
  const date = new Date(instant);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a hub sends must not steer the terminal.
const controls = /[\u0000-\u001f\u007f-\u009f]+/g;

/** One line of text that a terminal shows as it is. */
export const printable = (text: string): string => text.replace(controls, ' ');

/** The text if it fits, or else its end, which is where the news is. */
export function endOf(text: string, columns: number): string {
  return text.length <= columns ? text : `…${text.slice(text.length - Math.max(0, columns - 1))}`;
}

/** Columns side by side; numbers to the right. The first row is the head. */
export function table(rows: ReadonlyArray<ReadonlyArray<string | number>>): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => String(row[column] ?? '').length)),
  );
  const isNumeric = widths.map((_, column) => rows.slice(1).every((row) => typeof row[column] === 'number'));
  return rows.map((row) =>
    widths
      .map((width, column) => {
        const cell = String(row[column] ?? '');
        return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('   ')
      .trimEnd(),
  );
}
