// A program that gets bundled: allocates, serves the monitor's page, prints one line of JSON.
import { createMonitor } from 'hakmem-arena/monitor';
import { Arena } from 'hakmem-arena';

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
