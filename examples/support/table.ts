// Numbers and columns.

/** First column flush left, the others flush right. */
export function alignColumns(table: readonly string[][]): string[] {
  const columns = Math.max(...table.map((row) => row.length));
  const width = (column: number) => Math.max(...table.map((row) => row[column]?.length ?? 0));
  const widths = Array.from({ length: columns }, (_, column) => width(column));
  return table.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
      )
      .join('   ')
      .trimEnd(),
  );
}

export function count(value: number, digits = 0): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
