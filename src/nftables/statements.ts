import type { Element, Field, KeyPart, Statement, Verdict } from './model.ts';

/** Short constructors, so that rules read like nft text. */

export function one(value: bigint | number): KeyPart {
  const both = BigInt(value);
  return { low: both, high: both };
}
export const range = (low: bigint | number, high: bigint | number): KeyPart => ({
  low: BigInt(low),
  high: BigInt(high),
});
export const named = (name: string): KeyPart => ({ name });

export const accept: Statement = { kind: 'verdict', verdict: { kind: 'accept' } };
export const drop: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };
export const back: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
export const goTo = (chain: string): Statement => ({ kind: 'verdict', verdict: { kind: 'goto', chain } });
export const jump = (chain: string): Statement => ({ kind: 'verdict', verdict: { kind: 'jump', chain } });
export const count = (name: string): Statement => ({ kind: 'counter', name });

/** The field is one of the values. */
export function is(field: Field, ...values: readonly (KeyPart | number | bigint)[]): Statement {
  return {
    kind: 'match',
    fields: [field],
    op: '==',
    value: { kind: 'values', values: values.map((value) => (typeof value === 'object' ? value : one(value))) },
  };
}

/** The fields, concatenated, are in the named set. */
export function inSet(set: string, ...fields: readonly Field[]): Statement {
  return { kind: 'match', fields, op: '==', value: { kind: 'set', name: set } };
}

export function notInSet(set: string, ...fields: readonly Field[]): Statement {
  return { kind: 'match', fields, op: '!=', value: { kind: 'set', name: set } };
}

export const vmap = (map: string, ...fields: readonly Field[]): Statement => ({ kind: 'vmap', fields, map });

export const element = (key: readonly KeyPart[], verdict?: Verdict): Element =>
  verdict === undefined ? { key } : { key, verdict };
