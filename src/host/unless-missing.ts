/** Groups and processes come and go while they are read (ENOENT, ENODEV, ESRCH), and threaded groups list no processes (EOPNOTSUPP). */
export function unlessMissing<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}
