import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../lab/daemon.ts';
import type { Site } from '../lab/site.ts';
import type { Project } from './project.ts';

/** Something that defeats rules written into Docker's own chains. */
export interface Trial {
  readonly title: string;
  /** Commands as the reader would type them. */
  readonly commands: readonly string[];
  readonly run: () => Promise<unknown>;
}

export function trials(site: Site, project: Project, daemon: Daemon): readonly Trial[] {
  const { host } = site;
  return [
    {
      title: 'The network is made anew, with another subnet and another bridge',
      commands: ['docker compose down', 'docker compose up -d'],
      run: () => project.move(),
    },
    {
      title: 'The engine is restarted',
      commands: ['systemctl restart docker', 'docker compose up -d'],
      run: async () => {
        await host.restartEngine();
        await project.compose('up', '-d');
      },
    },
    {
      title: 'Somebody flushes the firewall',
      commands: ['iptables -P FORWARD ACCEPT', 'iptables -F'],
      run: async () => {
        await host.must(['iptables', '-P', 'FORWARD', 'ACCEPT']);
        await host.must(['iptables', '-F']);
      },
    },
    {
      title: 'Sluice itself is killed',
      commands: ['kill -9 $(pidof sluice)'],
      run: async () => {
        await daemon.kill();
        await sleep(1000);
      },
    },
  ];
}
