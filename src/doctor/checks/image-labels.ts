import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const imageLabels: Check = {
  code: 'image-labels',
  severity: 'note',
  title: 'An image has labels for Sluice, which nobody obeys',
  why: 'Who made the image wants a say in what its containers may send; labels count where they are the container’s own.',
  evidence: 'labels of `sluice.` that a container has from its image alone',
  find: ({ world }) => {
    const concerned = (world?.containers ?? []).filter(
      ({ running, imageLabels: keys }) => running && keys !== undefined,
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(
          (container) => `${who(container)}: ${(container.imageLabels ?? []).join(', ')} of image ${container.image}`,
        ),
        mend: {
          say: 'Write what you want of them into the policy, or into `x-sluice` of the compose file; else nothing need be done.',
          lines: [],
        },
      },
    ];
  },
};
