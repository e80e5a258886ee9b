import type { TimerOrder } from '../confirm/order.ts';
import { serveTimer } from '../confirm/timer.ts';
import { systemPorts } from './ports.ts';

/** The process that takes a change back: it outlives the caller, whom it tells once that it waits. */
export async function timerChild(): Promise<void> {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  const order = JSON.parse(process.argv[3] ?? '') as TimerOrder;
  await serveTimer(order, systemPorts(), () => {
    process.send?.('waits', () => {
      if (process.connected) process.disconnect?.();
    });
  });
}
