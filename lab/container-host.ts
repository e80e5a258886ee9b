/** The Docker host with its containers: which run, and ways into them. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { EngineHost } from './engine-host.ts';
import type { Finished, RunOptions } from './exec.ts';

/** A container as the engine lists it. Addresses by network name. */
export interface Container {
  id: string;
  name: string;
  project: string | undefined;
  service: string | undefined;
  /** PID of its first process, as the host numbers it. */
  pid: number;
  addresses: { network: string; v4: string; v6: string; mac: string }[];
}

interface Inspect {
  Id: string;
  Name: string;
  State: { Pid: number; Running: boolean };
  Config: { Labels: Record<string, string> | null };
  HostConfig: { PortBindings: Record<string, unknown> | null; PublishAllPorts: boolean; NetworkMode: string };
  NetworkSettings: {
    Networks: Record<string, { IPAddress: string; GlobalIPv6Address: string; MacAddress: string }> | null;
  };
}

export class ContainerHost extends EngineHost {
  #known: Container[] = [];

  /** All running containers; while no engine runs, those known last. */
  async containers(): Promise<Container[]> {
    if (!this.engineRuns) return this.#known;
    const list = (await this.api('/containers/json')) as { Id: string }[];
    const found = await Promise.all(list.map(({ Id }) => this.#inspect(Id)));
    this.#known = found.filter((inspect) => inspect.State.Running).map(container);
    return this.#known;
  }

  /**
   * A running container by name, id, or `project/service[/number]`. Throws when there is none. While no engine runs the
   * answer is what `containers()` or a probe saw last, without numbers.
   */
  async container(who: string): Promise<Container> {
    if (!this.engineRuns) {
      const known = this.#known.find((c) => c.id === who || c.name === who || `${c.project}/${c.service}` === who);
      if (known === undefined) throw new Error(`no engine runs, and no container ${who} is known`);
      return known;
    }
    if (!who.includes('/')) return container(await this.#inspect(who));
    const [project, service, number = '1'] = who.split('/');
    const labels = [`project=${project}`, `service=${service}`, `container-number=${number}`];
    const filters = JSON.stringify({ label: labels.map((label) => `com.docker.compose.${label}`) });
    const list = (await this.api(`/containers/json?filters=${encodeURIComponent(filters)}`)) as { Id: string }[];
    if (list[0] === undefined) throw new Error(`no running container ${who}`);
    return container(await this.#inspect(list[0].Id));
  }

  async #inspect(who: string): Promise<Inspect> {
    return (await this.api(`/containers/${encodeURIComponent(who)}/json`)) as Inspect;
  }

  /** Runs a command inside a container by `docker exec`; never throws for a bad exit. */
  async exec(who: string, command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { id } = await this.container(who);
    return this.run(['docker', 'exec', ...(options.input === undefined ? [] : ['-i']), id, ...command], options);
  }

  /** Starts a command inside a container by `docker exec -i`. */
  async spawnIn(who: string, command: readonly string[]): Promise<ChildProcessWithoutNullStreams> {
    const { id } = await this.container(who);
    return this.spawn(['docker', 'exec', '-i', id, ...command]);
  }

  /**
   * Runs one of the host's own programs in a container's network alone, from outside: with all capabilities, whatever the
   * container's are.
   */
  async inNetworkOf(who: string, command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { pid } = await this.container(who);
    return this.run(['/run/labtool', 'netns', String(pid), '--', ...command], options);
  }
}

function container(inspect: Inspect): Container {
  const labels = inspect.Config.Labels ?? {};
  return {
    id: inspect.Id,
    name: inspect.Name.slice(1),
    project: labels['com.docker.compose.project'],
    service: labels['com.docker.compose.service'],
    pid: inspect.State.Pid,
    addresses: Object.entries(inspect.NetworkSettings.Networks ?? {}).map(([network, at]) => ({
      network,
      v4: at.IPAddress,
      v6: at.GlobalIPv6Address,
      mac: at.MacAddress,
    })),
  };
}
