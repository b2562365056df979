import base from './jest.config.js';

/** Moving in from the real systems, which npm run test:moving installs. */
export default {
  ...base,
  testPathIgnorePatterns: ['/node_modules/'],
  testMatch: ['<rootDir>/test/moving/systems/*.spec.ts'],
};
