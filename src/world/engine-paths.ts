/**
 * The sockets of the engine and of containerd, that of an engine which starts its own included, and the folders that
 * hold them. `/var/run` is a link to `/run`; a mount of `/var` has the link alone, which leads elsewhere inside.
 */
const ways = /^(\/var)?\/run(\/docker\.sock|\/(docker\/)?containerd(\/containerd\.sock)?|\/docker)?$|^\/$/;

/** Whether who has a path of the host has a control socket of the engine: by its usual names alone. */
export function leadsToEngine(path: string): boolean {
  return ways.test(path);
}
