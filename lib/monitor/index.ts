/**
 * Monitor: a live page, JSON and Prometheus text over HTTP, for every arena of the process.
 *
 * Read-only: GET and HEAD of a fixed table of paths, none of which touches the file system.
 *
 * @module hakmem-arena/monitor
 */
import { handlerOf } from './http/handler';
import { listen } from './http/listen';
import { checkedListenOptions, checkedMonitorOptions } from './http/options';
import { routesOf } from './http/routes';
import type { ListenOptions, Monitor, MonitorOptions, MonitorServer } from './http/types';

export type { MetricsRegister } from './http/metrics';
export type {
  ListenOptions,
  Monitor,
  MonitorHandler,
  MonitorOptions,
  MonitorServer,
} from './http/types';
export type {
  ArenaCells,
  LengthsReply,
  MapReply,
  ProcessInfo,
  SlabCell,
  SlabCode,
  StatsReply,
  SuperSlabCells,
} from './wire';

/**
 * A monitor of all arenas of this process. Costs nothing until somebody asks it.
 *
 * Serves, below where it is mounted: `/` the live page, `/stats.json` ({@link StatsReply}), `/map.json`
 * ({@link MapReply}), `/lengths.json` ({@link LengthsReply}), and `/metrics` for Prometheus (501 while prom-client is not installed).
 *
 * @throws {ERR_INVALID_ARG_TYPE} an option, or `options`, has the wrong type.
 * @throws {ERR_INVALID_ARG_VALUE} `basePath` is not a path.
 * @example
 * import { createMonitor } from 'hakmem-arena/monitor';
 * const { url } = await createMonitor({ title: 'orders' }).listen({ port: 6464 });
 */
export function createMonitor(options: MonitorOptions = {}): Monitor {
  const { title, basePath, allowedHosts, register } = checkedMonitorOptions(options);
  const handler = handlerOf({ basePath, allowedHosts, routes: routesOf(title, register) });
  return {
    handler,
    listen: async (listenOptions: ListenOptions = {}): Promise<MonitorServer> =>
      listen(handler, basePath, checkedListenOptions(listenOptions)),
  };
}
