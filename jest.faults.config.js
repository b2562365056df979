import base from './jest.config.js';

/** What is broken on purpose, and who attacks: minutes long, so not among the tests of every change. */
export default {
  ...base,
  testPathIgnorePatterns: ['/node_modules/'],
  testMatch: ['<rootDir>/test/{faults,attacks}/**/*.spec.ts'],
  testTimeout: 600_000,
  maxWorkers: 1,
};
