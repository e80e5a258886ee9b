import type { Diagnostic } from './diagnostic.ts';
import type { SourceRef } from './source.ts';

export interface Code {
  /** Stable for ever: `SL1xxx` errors, `SL2xxx` warnings. A code that is no longer raised is not given away again. */
  readonly code: `SL${number}`;
  readonly severity: Diagnostic['severity'];
  /** What it stands for, as a line of the reference. */
  readonly title: string;
  /** The phrase of the language's list of errors or warnings that it covers; null where the list has none. */
  readonly item: string | null;
}

const error = (code: Code['code'], title: string, item: string | null = null): Code => ({
  code,
  severity: 'error',
  title,
  item,
});
const warning = (code: Code['code'], title: string, item: string | null = null): Code => ({
  code,
  severity: 'warning',
  title,
  item,
});

const looksLike = 'YAML that is not what it looks like';
const unknown = 'unknown group, or a service or network that the compose file does not have';
const addressItem = 'what looks like an address and is not one';

/** Every diagnostic there is. Those marked "elsewhere" are raised by compile and check, which know more than text. */
export const codes = {
  // the file and its YAML
  syntax: error('SL1001', 'the file is not YAML'),
  manyDocuments: error('SL1002', 'more than one YAML document in a file'),
  yamlFeature: error('SL1003', 'a tag, merge key or directive, which policy files do without'),
  unquotedStar: error('SL1004', 'an unquoted `*`, which YAML reads as an alias', looksLike),
  unquotedComma: error('SL1005', 'an unquoted list of ports, which YAML reads as two items', looksLike),
  quoteIt: error('SL1006', 'an unquoted value that YAML, or an older YAML, reads as something else', looksLike),
  duplicateKey: error('SL1007', 'a key twice in one map', 'duplicate key'),
  tooMuch: error('SL1008', 'a file, a label, a nesting, a use of aliases or a number of entries beyond the limits'),
  writable: error('SL1009', 'a policy file that others can write', 'a policy file that others can write'),
  keyInTwoFiles: error('SL1010', 'a key set in two files', 'a key in two files'),

  // structure
  unknownKey: error('SL1101', 'an unknown key', 'unknown key'),
  wrongKind: error('SL1102', 'a value of the wrong kind'),
  missingKey: error('SL1103', 'a key that must be there is missing'),
  notAWord: error('SL1104', 'not one of the words that fit here'),
  missingVersion: error('SL1105', '`version` is missing', 'missing or unknown version'),
  unknownVersion: error('SL1106', '`version` is one this program does not know', 'missing or unknown version'),
  badDate: error('SL1107', 'a date that the calendar does not have'),

  // destinations
  malformed: error('SL1201', 'an entry that cannot be read'),
  notAnAddress: error('SL1202', 'what looks like an address and is not one', addressItem),
  hostBits: error('SL1203', 'a prefix with host bits set', 'host bits set'),
  unknownGroup: error('SL1204', 'an unknown group', unknown),
  unknownService: error('SL1205', 'a service that the compose file does not have', unknown),
  unknownNetwork: error('SL1206', 'a network that the compose file does not have', unknown),
  reversedPorts: error('SL1207', 'a port range from high to low', 'reversed or zero port'),
  badPort: error('SL1208', 'not a port: zero, above 65535 or not a number', 'reversed or zero port'),
  portsTwice: error('SL1209', 'ports or protocol said twice', 'ports twice'),
  badProtocol: error('SL1210', 'an unknown protocol, or one that does not go with ports'),
  bareV6: error('SL1211', 'an IPv6 address without brackets that can be read in two ways'),
  workloadProtocol: error('SL1212', 'a protocol straight after a workload, where a service could stand'),
  groupCycle: error('SL1213', 'groups that use each other in a circle', 'a group cycle'),
  shadowsBuiltin: error('SL1214', 'a group named like a built-in one', 'a user group that shadows a built-in'),
  badName: error('SL1215', 'a name that nothing can have'),
  noProject: error('SL1216', 'a service of the same project, where there is no project'),
  projectCalledContainer: error('SL1217', 'a project called `container`, whose services read as containers'),

  // lists and levels
  emptyList: error('SL1301', 'an empty list', 'empty list or selector'),
  emptySelector: error('SL1302', 'an empty selector or entry', 'empty list or selector'),
  noNextLevel: error('SL1303', '`inherit` where no next level has an allow list'),
  misplacedWord: error('SL1304', '`none` or `inherit` where it cannot mean anything'),
  noAllow: error('SL1305', 'something is named and no level gives it an allow list', 'no allow at any level'),
  tie: error('SL1306', 'two patterns, neither more specific, that can match the same name', 'a tie between patterns'),

  // DNS names
  badDnsName: error('SL1401', 'a DNS name that is not one'),
  nameWithoutPorts: error('SL1402', 'a DNS name without ports', 'a DNS name without ports'),
  nameInDeny: error('SL1403', 'a DNS name in a deny or a guardrail', 'a DNS name in a deny'),
  publicSuffix: error('SL1404', 'a wildcard under a public suffix', '*.com and other public suffixes'),
  nameInTest: error('SL1405', 'a DNS name in a test'),

  // labels
  unknownLabel: error('SL1501', 'an unknown `sluice.` label', 'unknown key'),

  // what only the whole policy, or the policy on a host, can tell (elsewhere)
  failingTest: error('SL1601', 'a test of the policy fails', 'a failing test'),
  neverMatches: error('SL1602', 'a rule that can never match', 'a rule that can never match'),
  twoPolicies: error('SL1603', 'two different policies on one shared network namespace'),
  notEnforceable: error('SL1604', 'a container that is to be enforced, cannot be held here and is not cut off'),
  asksTooMuch: error('SL1605', 'labels or x-sluice ask for more than the policy file allows'),
  loosensMode: error('SL1606', 'labels or x-sluice with a looser mode than the policy file sets'),
  unproven: error('SL1607', 'a container that policy names, whose image is gone or cannot be read'),

  // warnings
  noDns: warning(
    'SL2001',
    'an allow list that reaches outside and has no way to look names up',
    'an allow list that reaches outside without dns',
  ),
  nameNotEnforced: warning(
    'SL2002',
    'a DNS name: not enforced yet, so it allows nothing',
    'a name rule that cannot be enforced yet',
  ),
  nothingRuns: warning(
    'SL2003',
    'a rule for a workload that nothing runs yet',
    'a rule for a workload that nothing runs yet',
  ),
  untilPassed: warning('SL2004', 'a permission whose `until` has passed', 'a passed until'),
  enrolsAll: warning('SL2005', 'guardrails enrol every Docker bridge'),
  labelsAllow: warning('SL2006', 'containers that nothing names are denied, and their labels may allow them anything'),
} as const satisfies Record<string, Code>;

export type CodeName = keyof typeof codes;

/** Makes a diagnostic of a code; `message` says what is wrong with this one, `fix` how to mend it. */
export function diagnostic(
  name: CodeName,
  source: SourceRef,
  message: string,
  more: { readonly fix?: string | undefined; readonly related?: readonly SourceRef[] } = {},
): Diagnostic {
  const { code, severity } = codes[name];
  return {
    severity,
    code,
    message,
    ...(more.fix === undefined ? {} : { fix: more.fix }),
    source,
    ...(more.related === undefined ? {} : { related: more.related }),
  };
}
