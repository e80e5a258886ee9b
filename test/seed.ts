/**
 * `SLUICE_SEED` makes a failure of properties again: fast-check prints the seed with it, and takes another one each time.
 * Properties that name a seed of their own keep it.
 */
const seed = Number(process.env['SLUICE_SEED'] ?? '');
if (Number.isSafeInteger(seed) && seed !== 0) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed });
}
