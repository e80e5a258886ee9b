import type { Action, Marking } from '../model.ts';
import type { Packet } from './packet.ts';

/** Actions that translate addresses: they end a chain of type nat. */
export type Translation = Extract<Action, { kind: 'dnat' | 'snat' | 'masquerade' | 'redirect' }>;

const allBits = 0xffff_ffffn;

/** What an action makes of a packet's marks and of conntrack's view of it. */
export function act(action: Exclude<Action, Translation | { kind: 'map-mark' | 'other' }>, packet: Packet): Packet {
  const { conversation } = packet;
  switch (action.kind) {
    case 'count':
    case 'log':
    case 'trace':
      return packet;
    case 'notrack':
      return conversation === null ? { ...packet, untracked: true } : packet; // too late once it is tracked
    case 'set-mark': {
      const change = (mark: bigint | null) => marked(mark, action);
      if (action.of === 'packet') return { ...packet, mark: change(packet.mark) };
      if (conversation === null) return packet;
      return { ...packet, conversation: { ...conversation, mark: change(conversation.mark) } };
    }
    case 'copy-mark': {
      if (conversation === null) return packet;
      const { mask } = action;
      const copied = (to: bigint | null, from: bigint | null): bigint | null => {
        if (from === null || (to === null && mask !== allBits)) return null;
        return ((to ?? 0n) & ~mask) | (from & mask);
      };
      if (action.from === 'ct') return { ...packet, mark: copied(packet.mark, conversation.mark) };
      return { ...packet, conversation: { ...conversation, mark: copied(conversation.mark, packet.mark) } };
    }
  }
}

/** What becomes of a mark; null: not known. */
export function marked(mark: bigint | null, { value, mask }: Marking): bigint | null {
  if (mark === null) return mask === allBits ? value : null;
  return (mark & ~mask) ^ value;
}
