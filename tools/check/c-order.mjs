// The order of the core: which file of csrc/ may know which other, by include or by call. layers.mjs asks
// for includes, symbols.mjs for calls.

/** Rooms of csrc/, highest first. A file may use lower rooms; rooms of one row know nothing of each other. */
export const C_ROOMS = [
  ['binding', 'wasm'],
  ['arena'],
  ['front', 'stats'],
  ['heap'],
  ['letters'],
  ['supply'],
  ['cache'],
  ['super'],
  ['os'],
  ['base'],
];

/** Boxes inside a room in the same way. In rooms without a row any order will do, but no circle. */
export const C_BOXES = {
  front: [['realloc'], ['alloc'], ['refill', 'abandoned'], ['stacks'], ['shelf'], ['magazine']],
  stats: [['valid'], ['stats', 'heap_map', 'lengths'], ['front_counts']],
  heap: [['heap', 'large', 'decay'], ['trim'], ['remote', 'expose'], ['bin', 'run']],
  supply: [
    ['supply'],
    ['superslabs'],
    ['demand', 'failures'],
    ['trace'],
    ['record'],
    ['counters', 'peaks'],
  ],
  cache: [['join'], ['cache'], ['find'], ['age', 'fit', 'quarantine']],
  super: [['tiers', 'extent'], ['superslab'], ['slab', 'pagemap']],
  os: [['spare'], ['os', 'lock', 'ram'], ['os_unix', 'os_windows', 'os_wasm'], ['os_prims']],
};

/** `csrc/heap/run.c` -> { room: 'heap', box: 'run' } */
function placeOf(file) {
  const [, room, name] = file.split('/');
  return { room, box: name.replace(/\.\w+$/, '') };
}

const rowOf = (rows, name) => rows.findIndex((row) => row.includes(name));

/** Why a file has no place in the tables; undefined: it has one. */
export function placeProblem(file) {
  const { room, box } = placeOf(file);
  if (room === 'include') return undefined;
  if (rowOf(C_ROOMS, room) === -1)
    return `csrc/${room} is not in C_ROOMS of tools/check/c-order.mjs`;
  if (!Object.hasOwn(C_BOXES, room) || rowOf(C_BOXES[room], box) !== -1) return undefined;
  return `${room}/${box} is not in C_BOXES of tools/check/c-order.mjs`;
}

/** Whether `from` stands above `to`, or may stand anywhere beside it; both have a place. */
export function mayUse(from, to) {
  const [user, used] = [placeOf(from), placeOf(to)];
  if (user.room !== used.room) return rowOf(C_ROOMS, user.room) < rowOf(C_ROOMS, used.room);
  const rows = C_BOXES[user.room];
  return user.box === used.box || !rows || rowOf(rows, user.box) < rowOf(rows, used.box);
}
