/**
 * What keeps the daemon from simply enforcing, by code: words for scripts, which stay as they are. docs/operations.md has
 * this table; `status` says beside a code what happened this time.
 */
export const troubleCodes = {
  'denying-all': {
    means:
      'No policy can be read, neither the files nor the one remembered; or the engine does not answer, and neither rules of ours nor remembered ones stand. Nothing leaves a Docker bridge until there is one, or it does; in the second case that is docker0 and bridges named `br-` and twelve digits.',
    mend: '`sluice check`, mend what it names, `sluice apply`; or start the engine. To let everybody out meanwhile: `sluice down`.',
  },
  'policy-bad': {
    means: 'The files are in error, or cannot be read. The last good policy stays in force, over restarts too.',
    mend: '`sluice check` has file, line, column and the mend; then `sluice apply`.',
  },
  'not-taken': {
    means:
      'Good files were read by SIGHUP or `--watch`, and could not be put in force: the engine has not answered yet, `nft` or the disk refused. The policy before stays in force.',
    mend: 'Mend what the message names. It is tried again a second later and then each minute, until it is in force, the files change, or somebody applies or goes back.',
  },
  'engine-gone': {
    means:
      'The engine does not answer, or not in a way that can be read, or what belongs to it cannot: its `daemon.json`, the interfaces. What runs stays held. Who starts now on a held bridge and was created before has its rules as a rule, else it is denied; from bridges that have appeared since nothing passes.',
    mend: '`systemctl status docker`, and start it. Where it runs: `sluice version --verbose` says what it answers, `dockerd --validate` whether its file is good.',
  },
  'not-held': {
    means:
      "Policy wants a container enforced that cannot be held here: the host's network, macvlan, a bridge with other ports, a place on docker0 that is not known. What it sends is not judged, or a rule for it alone drops it; `status` names it and says which.",
    mend: 'Give it a bridge network, or the workload `mode: off`. Until then `sluice apply` refuses where the policy file names it.',
  },
  unannounced: {
    means:
      'A container runs of which the engine does not tell, or not that it is on the bridge where it is, so that nobody knows what policy says of it. Nothing passes from its port, nor from that of the container whose network it shares.',
    mend: 'Nothing, where it goes by itself: the engine was late. Where it stays, `docker inspect` of the id that the message names: labels of many MiB are not read.',
  },
  unwatched: {
    means:
      'There are more folders of control groups than are watched (4,096), or than the kernel watches for root (`fs.inotify.max_user_instances`, `max_user_watches`), as where somebody starts containers with deep `cgroup_parent`s, which the engine leaves behind. Newcomers are found all the same, by looking at the newest processes every ten milliseconds, which costs processor time.',
    mend: 'Raise the limits of inotify, or find the deep folder below `/sys/fs/cgroup`, whose `cgroup.procs` is empty all the way down, and remove it with `rmdir`, the deepest first; then start the daemon anew.',
  },
  'kernel-refused': {
    means: 'The kernel or `nft` refused a change. What was held before stays held; newcomers wait, denied.',
    mend: 'The message is theirs. It is tried again every second. `sluice doctor` and `nft list ruleset` show what is in the way.',
  },
  'too-large': {
    means:
      'Policy and what runs come to more entries than are given to the kernel. What was held before stays held; newcomers that it does not know wait, denied.',
    mend: 'Make the policy smaller: a prefix in place of its addresses, a range in place of its ports. Then `sluice apply`.',
  },
  unguarded: {
    means:
      'The thread that seats newcomers has ended and is started anew. Until then they are seated by the next look: their first packets are lost, none gets out.',
    mend: 'Nothing, when it goes by itself. When it comes again, the log says why: a bug report, with `sluice version --verbose`.',
  },
  'state-broken': {
    means:
      'The state could not be written. What is in the kernel is right; after a restart the policy would be read from its files, or be the one before.',
    mend: 'Make room, or make it writable: `df /var/lib/sluice`, `ls -ld /var/lib/sluice`.',
  },
  'not-allowed': {
    means:
      'The daemon runs without a capability that it is better with. On a busy host newcomers lose more first packets.',
    mend: 'The message names it and how to give it; [what it may do](#what-it-may-do).',
  },
} as const satisfies Readonly<Record<string, { readonly means: string; readonly mend: string }>>;

export type TroubleCode = keyof typeof troubleCodes;
