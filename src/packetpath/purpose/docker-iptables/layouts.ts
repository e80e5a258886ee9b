import type { Layout } from '../types.ts';

export const all: readonly Layout[] = ['pairs', 'stages', 'ext-bridges', 'forward', 'internal'];
/** Engine 28 and later. */
export const since28: readonly Layout[] = ['ext-bridges', 'forward', 'internal'];
/** Those with a chain DOCKER-FORWARD. */
export const ownForward: readonly Layout[] = ['forward', 'internal'];
