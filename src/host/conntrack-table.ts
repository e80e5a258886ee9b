import type { ReadFile } from './files.ts';

/** The table of conversations of our network namespace, as sysctl tells it (kernel doc nf_conntrack-sysctl). */
export interface ConntrackTable {
  readonly count: number;
  readonly max: number;
  /** nf_conntrack_tcp_be_liberal: packets outside the window count as part of a conversation. */
  readonly liberal: boolean;
}

const folder = '/proc/sys/net/netfilter/nf_conntrack_';

/** null where conntrack is not loaded. */
export function readConntrackTable(readFile: ReadFile): ConntrackTable | null {
  const value = (key: string) => {
    const text = readFile(`${folder}${key}`)?.trim() ?? '';
    return /^\d+$/.test(text) ? Number(text) : null;
  };
  const [count, max, liberal] = [value('count'), value('max'), value('tcp_be_liberal')];
  return count === null || max === null ? null : { count, max, liberal: (liberal ?? 0) !== 0 };
}
