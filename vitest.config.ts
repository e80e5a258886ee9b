import { defineConfig } from 'vitest/config';

/** Tests that open a lab, and measure time in it or look at what is on the whole machine: one file after the other. */
const timingTests = [
  'test/lab/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/starts/**/*.test.ts',
  'test/operations/**/*.test.ts',
  'test/cli/confirm.real.test.ts',
  'test/daemon/guard.real.test.ts',
  'test/packets/connected.test.ts',
  'test/packets/switching.test.ts',
  'test/packets/tightening.test.ts',
];
/** The others that open a lab: real engines and packets. They wait more than they work, so two files run at once. */
const packetTests = [
  'test/packets/**/*.test.ts',
  'test/**/*.real.test.ts',
  'test/agreement/packets.test.ts',
  'test/bypass/bypass.test.ts',
];

const patient = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    reporters: ['default'],
    // a busy machine may take its time
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles: ['test/seed.ts'],
          include: ['test/**/*.test.ts'],
          exclude: [...timingTests, ...packetTests],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'packets',
          include: packetTests,
          exclude: timingTests,
          ...patient,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'timing',
          include: timingTests,
          ...patient,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
