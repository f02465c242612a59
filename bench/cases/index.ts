import type { Case } from '../case';
import { abCases } from './ab';
import { calls } from './calls';
import { churn } from './churn';
import { heapStatsCases } from './heap-stats';
import { learning } from './learning';
import { micro } from './micro';
import { modes, otherModes, randomMixed } from './random-mixed';
import { request } from './request';
import { scope } from './scope';
import { soak } from './soak';
import { changing, mixes, otherViews, priceOfChecks } from './traces';

export const CASES: readonly Case[] = [
  randomMixed,
  ...mixes,
  ...changing,
  ...otherViews,
  ...priceOfChecks,
  modes,
  otherModes,
  learning,
  scope,
  request,
  ...micro,
  ...calls,
  churn,
  soak,
  ...heapStatsCases,
  ...abCases,
];

export function findCase(name: string): Case {
  const found = CASES.find((one) => one.name === name);
  if (!found)
    throw new Error(`no case "${name}"; there are ${CASES.map((c) => c.name).join(', ')}`);
  return found;
}
