import type { Ruleset } from '../ruleset/ruleset.ts';
import { renderBridgeTable } from './bridge-table.ts';
import { renderInetTable } from './inet-table.ts';
import { defaultMarks, type Marks } from './marks.ts';
import type { Table } from './model.ts';
import { standingSets } from './sender-sets.ts';

/**
 * The tables that hold a ruleset in the kernel: `bridge sluice` proves senders, `inet sluice` judges them. What a
 * program, a group or a sender comes to is the same objects again for the same object of a ruleset, and so is all of it.
 */
export function renderRuleset(ruleset: Ruleset, marks: Marks = defaultMarks): readonly Table[] {
  const known = rendered.get(ruleset);
  if (known?.marks === marks) return known.tables;
  const senders = standingSets(ruleset);
  const tables = [renderBridgeTable(ruleset, marks, senders), renderInetTable(ruleset, marks, senders)];
  rendered.set(ruleset, { marks, tables });
  return tables;
}

const rendered = new WeakMap<Ruleset, { readonly marks: Marks; readonly tables: readonly Table[] }>();
