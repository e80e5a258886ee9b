import type { Ruleset } from '../ruleset/ruleset.ts';
import { renderBridgeTable } from './bridge-table.ts';
import { renderInetTable } from './inet-table.ts';
import { defaultMarks, type Marks } from './marks.ts';
import type { Table } from './model.ts';

/** The tables that hold a ruleset in the kernel: `bridge sluice` proves senders, `inet sluice` judges them. */
export function renderRuleset(ruleset: Ruleset, marks: Marks = defaultMarks): readonly Table[] {
  return [renderBridgeTable(ruleset, marks), renderInetTable(ruleset, marks)];
}
