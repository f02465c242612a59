// A program that gets bundled: allocates, serves the monitor's page, prints one line of JSON.
const { createMonitor } = require('hakmem-arena/monitor');
const { Arena } = require('hakmem-arena');

/* global fetch */
async function main() {
  const arena = new Arena({ name: 'bundled' });
  const isFilled = arena.alloc(100, 7).every((byte) => byte === 7);
  const server = await createMonitor().listen({ port: 0 });
  const read = async (path) => (await fetch(server.url + path)).text();
  const [page, script, metrics] = [await read(''), await read('main.js'), await read('metrics')];
  await server.close();
  arena.destroy();
  console.log(JSON.stringify({ isFilled, page, script, metrics }));
}
main();
