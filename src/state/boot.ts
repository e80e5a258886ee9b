import type { StateFiles } from './files.ts';

/** Names this boot of the kernel (random(4)); empty where that cannot be read. */
export async function bootId(files: Pick<StateFiles, 'read'>): Promise<string> {
  try {
    const { text } = await files.read('/proc/sys/kernel/random/boot_id', 100);
    return /^[0-9a-f-]+$/.test(text.trim()) ? text.trim() : '';
  } catch {
    return '';
  }
}
