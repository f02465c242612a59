'use strict';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['unit', 'process', 'hostile', 'browser'].map(
    (folder) => `<rootDir>/test/${folder}/**/*.test.ts`,
  ),
  transform: { '\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.test.json' }] },
  // Compiled copies of the sources must never answer for the sources. One module has no source in lib/.
  modulePathIgnorePatterns: ['<rootDir>/(dist/(?!monitor/http/page-files)|build/|\\.build/)'],
  moduleNameMapper: { '^\\./page-files$': '<rootDir>/dist/monitor/http/page-files.js' },
  // Tests import what they use from '@jest/globals'.
  injectGlobals: false,
  testTimeout: 60_000,
  // Each suite in a process of its own: statistics, labels and the cache are the process's, and what
  // one suite leaves to the collector must not change what another one counts.
  workerIdleMemoryLimit: 0,
  // With --coverage. The monitor's page runs in a browser (test/browser), lib/cli in processes of its own.
  collectCoverageFrom: ['lib/**/*.ts', '!lib/monitor/page/**', '!lib/cli/**'],
  coverageDirectory: 'coverage/lib',
  coverageReporters: ['text', 'html'],
  // A little below what is covered: not to be passed downwards.
  coverageThreshold: { global: { statements: 95, branches: 88, functions: 94, lines: 96 } },
};
