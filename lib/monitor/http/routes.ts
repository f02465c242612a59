/**
 * Routes: what is served, by path. Nothing here touches the file system.
 */
import { type Answer, answerOf, textAnswer } from './answer';
import { type MetricsRegister, ownRegister } from './metrics';
import { pageFiles } from './page';
import { lengthsReply, mapReply, statsReply } from './replies';
import { Budget, type Route, sharedRoute } from './share';

const NO_PROM_CLIENT =
  'Metrics need the package prom-client: run `npm install prom-client`, then restart.';

function json(reply: unknown): Answer {
  return answerOf(200, 'application/json; charset=utf-8', JSON.stringify(reply));
}

function metricsRoute(register: MetricsRegister | undefined): Route {
  let used = register;
  return async () => {
    used ??= ownRegister();
    if (used === undefined) return textAnswer(501, NO_PROM_CLIENT);
    const text: unknown = await used.metrics();
    if (typeof text !== 'string') throw new TypeError('register.metrics() gave no string');
    return answerOf(200, used.contentType, text);
  };
}

/** By the path below the monitor. */
export function routesOf(title: string, register: MetricsRegister | undefined): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const [path, { type, body }] of pageFiles()) {
    const file = answerOf(200, type, body);
    routes.set(path, () => file);
  }
  const budget = new Budget();
  routes.set(
    '/stats.json',
    sharedRoute(() => json(statsReply(title)), budget),
  );
  routes.set(
    '/map.json',
    sharedRoute(() => json(mapReply()), budget),
  );
  routes.set(
    '/lengths.json',
    sharedRoute(() => json(lengthsReply()), budget),
  );
  routes.set('/metrics', sharedRoute(metricsRoute(register), budget));
  return routes;
}
