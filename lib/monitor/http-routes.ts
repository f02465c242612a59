/**
 * Routes: what is served, by path. Nothing here touches the file system.
 */
import { type MetricsRegister, ownRegister } from './http-metrics';
import { pageFiles } from './http-page';
import { mapReply, statsReply } from './http-replies';

const NO_PROM_CLIENT =
  'Metrics need the package prom-client: run `npm install prom-client`, then restart.';

export const TEXT = 'text/plain; charset=utf-8';

/** What a path answers with. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

export type Route = () => Answer | Promise<Answer>;

function json(reply: unknown): Answer {
  return { status: 200, type: 'application/json; charset=utf-8', body: JSON.stringify(reply) };
}

function metricsRoute(register: MetricsRegister | undefined): Route {
  let used = register;
  return async () => {
    used ??= ownRegister();
    if (used === undefined) return { status: 501, type: TEXT, body: `${NO_PROM_CLIENT}\n` };
    return { status: 200, type: used.contentType, body: await used.metrics() };
  };
}

/** By the path below the monitor. */
export function routesOf(title: string, register: MetricsRegister | undefined): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const [path, { type, body }] of pageFiles()) {
    routes.set(path, () => ({ status: 200, type, body }));
  }
  routes.set('/stats.json', () => json(statsReply(title)));
  routes.set('/map.json', () => json(mapReply()));
  routes.set('/metrics', metricsRoute(register));
  return routes;
}
