import base from './jest.config.js';

/** What is broken on purpose, and who attacks: minutes long, so not among the tests of every change. */
export default {
  ...base,
  // Those of a real cluster need programs that npm does not bring along: npm run test:long installs them.
  testPathIgnorePatterns: [
    '/node_modules/',
    ...(process.env.CLUSTER ? [] : ['<rootDir>/test/faults/cluster/']),
  ],
  testMatch: ['<rootDir>/test/{faults,attacks}/**/*.spec.ts'],
  testTimeout: 600_000,
  maxWorkers: 1,
};
