import { addressOf, formatAddress } from '../../ip/address.ts';
import type { Condition, Field, Tuple, Value } from '../model.ts';

/** A condition that could not be judged as a question to people; never negated. */
export interface Question {
  readonly what: string;
  /** The same for the same question; null where the answer may be another each time, as a limit's is. */
  readonly key: string | null;
}

/** The question that a condition asks, without its negation; of long lists the first four values are shown. */
export function question(condition: Condition, family: 4 | 6): Question {
  switch (condition.kind) {
    case 'depends':
      return { what: condition.on, key: null };
    case 'unknown':
      return { what: condition.text, key: `unknown ${condition.text}` };
    case 'any-of': {
      const what = `${condition.field.field} is ${condition.words.join(' or ')}`;
      return { what, key: what };
    }
    case 'among': {
      const { fields, values } = condition;
      const names = fields.map(({ field, mask }) => (mask === undefined ? field : `${field} & 0x${mask.toString(16)}`));
      const shown =
        'set' in values
          ? `in set ${values.set}`
          : `is ${values
              .slice(0, 4)
              .map((tuple) =>
                tupleText(
                  tuple,
                  fields.map(({ field }) => field),
                  family,
                ),
              )
              .join(' or ')}${values.length > 4 ? ' or …' : ''}`;
      const what = `${names.join(' . ')} ${shown}`;
      return { what, key: 'set' in values || values.length <= 4 ? what : null };
    }
  }
}

/** Values joined by ` . `; addresses, blocks of them and MACs as people write them, where `fields` says that they are such. */
export function tupleText(tuple: Tuple, fields: readonly Field[], family: 4 | 6): string {
  return tuple.map((value, index) => valueText(value, fields[index], family)).join(' . ');
}

function valueText(value: Value, field: Field | undefined, family: 4 | 6): string {
  if (value.kind === 'word') return value.word;
  if (value.kind === 'prefix') return `${value.prefix}*`;
  const { low, high } = value;
  const one = (number: bigint) => {
    if (field === 'ether saddr' || field === 'ether daddr') return macText(number);
    return isAddress(field) ? formatAddress(addressOf(number > 0xffff_ffffn ? 6 : family, number)) : `${number}`;
  };
  if (low === high) return one(low);
  const size = high - low + 1n;
  const isBlock = isAddress(field) && (size & (size - 1n)) === 0n && low % size === 0n;
  if (!isBlock) return `${one(low)}-${one(high)}`;
  return `${one(low)}/${(family === 6 ? 128 : 32) - (size.toString(2).length - 1)}`;
}

const macText = (value: bigint): string =>
  value
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:');

function isAddress(field: Field | undefined): boolean {
  return field?.endsWith('addr') === true && !field.startsWith('ether');
}
