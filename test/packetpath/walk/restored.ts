import type { Listing } from '../../../src/packetpath/model.ts';

/** What `iptables -nvL` lists of the table filter as iptables-restore takes it, as far as the article's listings go. */
export function restoreTextOf({ tables }: Listing): string {
  const chains = tables.flatMap((table) => table.chains);
  return [
    '*filter',
    ...chains.map(({ name, base }) => `:${name} ${base?.policy.toUpperCase() ?? '-'} [0:0]`),
    ...chains.flatMap(({ name, rules }) => rules.map(({ text }) => `-A ${name} ${optionsOf(text)}`)),
    'COMMIT\n',
  ].join('\n');
}

/** TARGET PROT OPT IN OUT SOURCE DESTINATION, and what more it asks. */
function optionsOf(row: string): string {
  const [target, protocol, , into = '', out = '', source = '', destination = '', ...more] = row.split(' ');
  const rest = more.join(' ');
  const one = (option: string, value: string, any: string) =>
    value === any ? [] : value.startsWith('!') ? [`! ${option} ${value.slice(1)}`] : [`${option} ${value}`];
  const states = /ctstate (\S+)/.exec(rest)?.[1];
  const port = /dpt:(\d+)/.exec(rest)?.[1];
  return [
    ...one('-i', into, '*'),
    ...one('-o', out, '*'),
    ...one('-s', source, '0.0.0.0/0'),
    ...one('-d', destination, '0.0.0.0/0'),
    ...(protocol === 'all' ? [] : [`-p ${protocol}`]),
    ...(port === undefined ? [] : [`--dport ${port}`]),
    ...(states === undefined ? [] : [`-m conntrack --ctstate ${states}`]),
    `-j ${target}`,
  ].join(' ');
}
