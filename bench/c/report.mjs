// Tables: a row for each rival, for the terminal and for docs/BENCHMARKS.md.

const OURS = 'hakmem';
const MIB = 2 ** 20;

function medianOf(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const mib = (bytes) => (bytes / MIB).toFixed(1);

/** Figures of a rival, as numbers. */
function figuresOf({ runs, systemCalls }) {
  const speeds = runs.map(({ operations, ns }) => (operations * 1e3) / ns);
  const median = (field) => medianOf(runs.map((run) => run[field]));
  const operations = median('operations');
  return {
    speed: medianOf(speeds),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
    rssPeak: median('rssPeak'),
    systemCalls: systemCalls === undefined ? undefined : (systemCalls * 1e6) / operations,
    slow: median('allocs') > 0 ? median('slow') / median('allocs') : undefined,
    rss:
      runs[0].rssFreed === undefined
        ? undefined
        : ['rssStart', 'rssFreed', 'rssTrimmed'].map(median),
  };
}

/** Header and rows of a case, as text. The ratio is how many times faster we are. */
function tableOf(results) {
  const figures = Object.entries(results).map(([name, result]) => [name, figuresOf(result)]);
  const ours = figures.find(([name]) => name === OURS)?.[1].speed;
  const best = Math.max(...figures.filter(([name]) => name !== OURS).map(([, f]) => f.speed));
  const header = ['', 'M/s', 'spread', OURS, 'peak RSS', 'calls/M', 'slow'];
  const burst = figures[0][1].rss !== undefined;
  const rows = figures.map(([name, f]) => [
    name + (f.speed === best ? ' *' : ''),
    f.speed.toPrecision(4),
    `${f.slowest.toPrecision(4)}..${f.fastest.toPrecision(4)}`,
    ours === undefined || name === OURS ? '' : `${(ours / f.speed).toFixed(2)}x`,
    `${mib(f.rssPeak)} MB`,
    f.systemCalls === undefined ? '?' : f.systemCalls.toFixed(1),
    f.slow === undefined ? '' : `${(f.slow * 100).toFixed(3)} %`,
    ...(burst ? [f.rss.map(mib).join(' / ')] : []),
  ]);
  return [burst ? [...header, 'before / freed / trimmed'] : header, ...rows];
}

export function printCase(one, results) {
  const table = tableOf(results);
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
  const [header, ...rows] = tableOf(results);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  console.log(`\n**${one.name}**: ${one.about}\n`);
  console.log([line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n'));
}
