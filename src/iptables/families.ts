export const families = [4, 6] as const;
