/** Wasm tables: what `Native.tables` says, read from the core (csrc/wasm/tables.c). */
import type {
  CounterLayout,
  Native,
  NativeArenaOption,
  NativeOption,
  NativeTables,
} from '../entries';
import type { Core } from './core';

/** In the order of csrc/wasm/tables.c. */
const TABLES = [
  'binFields',
  'arenaFields',
  'processFields',
  'statuses',
  'rows',
  'counterLayout',
  'frontStats',
  'frontBinStats',
  'eventKinds',
  'stages',
  'constants',
] as const;

type Row = readonly [name: string, value: number];

/** What `read` gives for 0, 1, 2, ... until it is undefined. */
function listed<T>(read: (i: number) => T | undefined): T[] {
  const list: T[] = [];
  for (let i = 0; ; i++) {
    const item = read(i);
    if (item === undefined) return list;
    list.push(item);
  }
}

function rowsOf({ call, optionalText }: CoreReader, name: (typeof TABLES)[number]): Row[] {
  const table = TABLES.indexOf(name);
  return listed((i) => {
    const text = optionalText(call.tableName(table, i));
    return text === undefined ? undefined : ([text, call.tableValue(table, i)] as const);
  });
}

interface CoreReader {
  readonly call: Core['call'];
  readonly optionalText: (at: number) => string | undefined;
}

const namesOf = (core: CoreReader, name: (typeof TABLES)[number]): string[] =>
  rowsOf(core, name).map(([text]) => text);

function statusesOf(core: CoreReader): NativeTables['statuses'] {
  const rows = rowsOf(core, 'statuses'); // a name, then its text
  return rows.flatMap(([name, value], i) =>
    i % 2 === 0 ? [{ name, value, text: rows[i + 1]![0] }] : [],
  );
}

function optionsOf({ call, optionalText }: CoreReader): NativeOption[] {
  return listed((row) => {
    const text = (column: number): string => optionalText(call.optionText(row, column)) ?? '';
    if (call.optionText(row, 0) === 0) return undefined;
    const number = (column: number): number => call.optionNumber(row, column);
    const [name, choices, unit, meaning] = [text(0), text(1), text(2), text(3)];
    const [value, byDefault, min, max] = [number(0), number(1), number(2), number(3)];
    return { name, choices, unit, meaning, value, default: byDefault, min, max };
  });
}

function arenaOptionsOf({ call, optionalText }: CoreReader): NativeArenaOption[] {
  return listed((row) => {
    const name = optionalText(call.arenaOptionText(row, 0));
    if (name === undefined) return undefined;
    const choices = optionalText(call.arenaOptionText(row, 1)) ?? '';
    const meaning = optionalText(call.arenaOptionText(row, 2)) ?? '';
    return { name, choices, meaning, max: call.arenaOptionMax(row) };
  });
}

/** The line that says of which version and sources the module is, stands among the constants. */
const IDENTITY = 'hakmem-arena ';

export function identityOf(core: Core): string {
  const names = namesOf(readerOf(core), 'constants');
  return names.find((name) => name.startsWith(IDENTITY)) ?? '';
}

const readerOf = (core: Core): CoreReader => ({
  call: core.call,
  optionalText: (at) => core.optionalText(at),
});

export function tablesOf(wasm: Core): NativeTables & Pick<Native, 'lengthsMax' | 'statsRecordMax'> {
  const core = readerOf(wasm);
  const { call } = core;
  const constants = Object.fromEntries(rowsOf(core, 'constants'));
  const rows = rowsOf(core, 'rows');
  const layout = Object.fromEntries(rowsOf(core, 'counterLayout'));
  const stats = Object.fromEntries(rowsOf(core, 'frontStats'));
  const binStats = Object.fromEntries(rowsOf(core, 'frontBinStats'));
  return {
    statsVersion: constants['statsVersion']!,
    statsRecordMax: constants['statsRecordMax']!,
    lengthsMax: constants['lengthsMax']!,
    runBin: constants['runBin']!,
    hugeBin: constants['hugeBin']!,
    binFields: namesOf(core, 'binFields'),
    arenaFields: namesOf(core, 'arenaFields'),
    processFields: namesOf(core, 'processFields'),
    statuses: statusesOf(core),
    options: optionsOf(core),
    arenaOptions: arenaOptionsOf(core),
    optionWarnings: listed((i) => core.optionalText(call.optionWarning(i))),
    counters: { ...layout, stats, binStats } as unknown as CounterLayout,
    defaultStrides: listed((i) => call.defaultStride(i) || undefined),
    rowNames: rows.map(([name]) => name),
    eventKinds: namesOf(core, 'eventKinds'),
    stages: namesOf(core, 'stages'),
    rowSizes: rows.map(([, bytes]) => bytes),
  };
}
