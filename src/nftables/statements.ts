import type { Element, Field, KeyPart, Statement, Verdict } from './model.ts';

/** Short constructors, so that rules read like nft text. */

export function one(value: bigint | number): KeyPart {
  const both = BigInt(value);
  return { low: both, high: both };
}
/** From one number to another, both ends inside. */
export const range = (low: bigint | number, high: bigint | number): KeyPart => ({
  low: BigInt(low),
  high: BigInt(high),
});
/** A name: of an interface, or of a kind of them. */
export const named = (name: string): KeyPart => ({ name });

export const accept: Statement = { kind: 'verdict', verdict: { kind: 'accept' } };
export const drop: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };
export const back: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
export const goTo = (chain: string): Statement => ({ kind: 'verdict', verdict: { kind: 'goto', chain } });
export const jump = (chain: string): Statement => ({ kind: 'verdict', verdict: { kind: 'jump', chain } });
/** Counts with the named counter. */
export const count = (name: string): Statement => ({ kind: 'counter', name });

type MatchStatement = Extract<Statement, { kind: 'match' }>;

/** The field is one of the values. */
export function is(field: Field, ...values: readonly (KeyPart | number | bigint)[]): MatchStatement {
  return {
    kind: 'match',
    fields: [field],
    op: '==',
    value: { kind: 'values', values: values.map((value) => (typeof value === 'object' ? value : one(value))) },
  };
}

/** The field is there, and none of the values. */
export function isNot(field: Field, ...values: readonly (KeyPart | number | bigint)[]): Statement {
  return { ...is(field, ...values), op: '!=' };
}

/** The fields, concatenated, are in the named set. */
export function inSet(set: string, ...fields: readonly Field[]): Statement {
  return { kind: 'match', fields, op: '==', value: { kind: 'set', name: set } };
}

/** The fields, concatenated, are not in the named set. */
export function notInSet(set: string, ...fields: readonly Field[]): Statement {
  return { kind: 'match', fields, op: '!=', value: { kind: 'set', name: set } };
}

/** What the named map says of the fields, concatenated; of what is not in it nothing. */
export const vmap = (map: string, ...fields: readonly Field[]): Statement => ({ kind: 'vmap', fields, map });

/** An element of a set, or with a verdict one of a verdict map. */
export const element = (key: readonly KeyPart[], verdict?: Verdict): Element =>
  verdict === undefined ? { key } : { key, verdict };
