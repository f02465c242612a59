// Tables: a row for each rival, for the terminal and for docs/BENCHMARKS.md.

const MIB = 2 ** 20;

const isOurs = (name) => name.startsWith('hakmem');
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MB`;

function medianOf(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Figures of a rival: medians over its runs. */
function figuresOf({ runs, traced }) {
  const median = (field) => medianOf(runs.map((run) => run[field]));
  const speeds = runs.map(({ operations, ns }) => (operations * 1e3) / ns);
  return {
    median,
    speed: medianOf(speeds),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
    cpu: Math.min(...runs.map(({ operations, cpuNs }) => cpuNs / operations)),
    calls: traced && (traced.systemCalls * 1e6) / traced.operations,
    slow: median('allocs') > 0 ? median('slow') / median('allocs') : undefined,
  };
}

/**
 * Header and rows of a case, as text. `to best`: speed as a multiple of the fastest rival's, and the
 * same of the least processor time per operation of any run.
 */
export function tableOf(one, results) {
  const figures = Object.entries(results).map(([name, result]) => [name, figuresOf(result)]);
  const rivals = figures.filter(([name]) => !isOurs(name)).map(([, figure]) => figure);
  const best = Math.max(...rivals.map(({ speed }) => speed));
  const bestCpu = Math.min(...rivals.map(({ cpu }) => cpu));
  const columns = Object.entries(one.columns ?? {});
  const rows = figures.map(([name, { median, speed, slowest, fastest, cpu, calls, slow }]) => [
    name,
    speed.toPrecision(4),
    `${slowest.toPrecision(4)}..${fastest.toPrecision(4)}`,
    rivals.length > 0 ? `${(speed / best).toFixed(2)}x` : '',
    cpu.toPrecision(4),
    rivals.length > 0 ? `${(bestCpu / cpu).toFixed(2)}x` : '',
    mib(median('rssPeak')),
    calls === undefined ? '?' : calls.toFixed(1),
    slow === undefined ? '' : `${(slow * 100).toFixed(3)} %`,
    ...columns.map(([, field]) => mib(median(field))),
  ]);
  const header = [
    '',
    'M/s',
    'spread',
    'to best',
    'cpu ns',
    'to best cpu',
    'peak RSS',
    'calls/M',
    'slow',
  ];
  return [[...header, ...columns.map(([title]) => title)], ...rows];
}

export function printCase(one, results) {
  const table = tableOf(one, results);
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  console.log(`\n${one.name}: ${one.about}`);
  for (const row of table) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    );
    console.log(`  ${cells.join('  ')}`);
  }
}

export function printCaseMarkdown(one, results) {
  const [header, ...rows] = tableOf(one, results);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  console.log(`\n**${one.name}**: ${one.about}\n`);
  console.log([line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n'));
}
