import type { LastLineState } from '../control/protocol.ts';
import { isTaken, type LastLine, lastLineTable } from '../netlink/last-line.ts';
import type { LastLinePort } from './kernel-holder.ts';
import { type Log, messageOf } from './ports.ts';

/** What fails here leaves our own tables as they are: it is told, once for each kind of trouble. */
export function lastLinePort(line: Pick<LastLine, 'hold' | 'narrow'>, log: Log): LastLinePort {
  let state: LastLineState = 'failed';
  let told = '';
  const tell = (trouble: string): void => {
    if (trouble !== '' && trouble !== told) log('warning', trouble);
    told = trouble;
  };
  const failed = (error: unknown): void => {
    state = isTaken(error) ? 'taken' : 'failed';
    tell(
      state === 'taken'
        ? `there is a table inet ${lastLineTable} that is not the daemon's, so its last line does not stand: nft delete table inet ${lastLineTable}`
        : `the last line is not as it should be: ${messageOf(error)}`,
    );
  };
  return {
    get state() {
      return state;
    },
    hold: (guarded) => {
      try {
        state = line.hold(guarded) ? 'stands' : 'unsupported';
        tell(
          state === 'stands'
            ? ''
            : 'this kernel knows no tables that a process owns (Linux 5.12 does): who flushes all rules opens a gap',
        );
      } catch (error) {
        failed(error);
      }
    },
    narrow: (guarded) => {
      try {
        line.narrow(guarded);
      } catch (error) {
        failed(error);
      }
    },
  };
}
