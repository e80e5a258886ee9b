/** Prints what is found of the control groups below a folder while the kernel may not watch all of it. Argument: the folder. */
import { ContainerGroups } from '../../../src/host/container-groups.ts';

const told = new Set<string>();
let overflows = 0;
const groups = new ContainerGroups(process.argv[2]);
groups.watch({ changed: (container) => void told.add(container), overflow: () => void overflows++ });
process.stdout.write(JSON.stringify({ listed: [...groups.list()].toSorted(), told: [...told].toSorted(), overflows }));
process.exit();
