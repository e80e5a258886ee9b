/** The contrast: what a firewall without maps and sets asks of every packet. */
import { firstSource, port } from './scene.ts';

/** A forward chain of so many rules, the last of which accepts the bench's packets. */
export function linearText(rules: number): string {
  const others = Array.from({ length: rules - 1 }, (_, number) => {
    const [high, low] = [number >> 8, number & 255];
    return `\t\tip saddr ${firstSource} ip daddr 10.${high >> 8}.${high & 255}.${low} udp dport ${port} accept`;
  });
  const last = `\t\tip saddr ${firstSource} accept`;
  const hook = '\t\ttype filter hook forward priority -10; policy accept;';
  return `table inet sluice {\n\tchain forward {\n${[hook, ...others, last].join('\n')}\n\t}\n}\n`;
}
