/** Milliseconds since some moment: they only go forward, whatever the clock is set to, and all threads have the same. */
export function uptime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
