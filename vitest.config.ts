import { defineConfig } from 'vitest/config';

/** Tests that open a lab: real engines and packets. They run one file after the other: two cores, and clocks that matter. */
const packetTests = [
  'test/lab/**/*.test.ts',
  'test/packets/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/starts/**/*.test.ts',
  'test/operations/**/*.test.ts',
  'test/**/*.real.test.ts',
  'test/agreement/packets.test.ts',
];

export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: packetTests,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'packets',
          include: packetTests,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
