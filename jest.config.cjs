'use strict';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['unit', 'process', 'hostile', 'browser'].map(
    (folder) => `<rootDir>/test/${folder}/**/*.test.ts`,
  ),
  transform: { '\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.test.json' }] },
  // Compiled copies of the sources must never answer for the sources.
  modulePathIgnorePatterns: ['<rootDir>/(dist|build|\\.build)/'],
  // Tests import what they use from '@jest/globals'.
  injectGlobals: false,
  testTimeout: 60_000,
};
