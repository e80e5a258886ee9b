import type { Backend, BackendName } from '../../src/enforce/backend.ts';

/** A backend that writes down what is done with it. */
export function tellingBackend(name: BackendName, said: string[]): Backend {
  return {
    name,
    apply: async () => void said.push(`apply ${name}`),
    provenPorts: async () => new Set([`port of ${name}`]),
    remove: async (beside) => {
      said.push(`remove ${name}${beside === undefined ? '' : ` beside ${beside.name}`}`);
      return true;
    },
    holds: async () => true,
    loadable: async () => '',
    load: async () => {},
    standsAs: async () => true,
    narrower: () => [],
    text: async () => '',
  };
}
