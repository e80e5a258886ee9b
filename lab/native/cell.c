/* Cells: a root, a PID namespace and a network of its own; and ways into one from outside. */
#include "labtool.h"
#include <dirent.h>
#include <linux/mount.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void put(const char *path, const char *text, int required) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) {
    if (required) die("write %s to %s: %s", text, path, strerror(errno));
  }
  if (fd >= 0) close(fd);
}

static void mkdirs(const char *path) {
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", path);
  for (char *p = copy + 1; *p; p++)
    if (*p == '/') {
      *p = 0;
      mkdir(copy, 0755);
      *p = '/';
    }
  mkdir(copy, 0755);
}

static void mnt(const char *what, const char *where, const char *type, unsigned long flags, const char *data) {
  mkdirs(where);
  if (mount(what, where, type, flags, data) < 0) die("mount %s on %s: %s", type ? type : what, where, strerror(errno));
}

static void lo_up(void) {
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq r = {.ifr_name = "lo"};
  if (s < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0) die("lo: %s", strerror(errno));
  r.ifr_flags |= IFF_UP;
  if (ioctl(s, SIOCSIFFLAGS, &r) < 0) die("lo: %s", strerror(errno));
  close(s);
}

/*
 * labtool cell ROOT BASE NAME HOSTNAME
 * Makes the cell and stays its PID 1's parent. Everything dies with our own parent: PDEATHSIG ends us, ours ends PID 1,
 * and the kernel ends the rest of the PID namespace, its mounts and its interfaces. Prints "pid N" (N as the machine
 * sees it), then "ready". NAME is the cgroup's name below the machine's cgroup v2 root; BASE any empty folder.
 */
int cmd_cell(int argc, char **argv) {
  if (argc != 5) die("usage: labtool cell ROOT BASE NAME HOSTNAME");
  const char *root = argv[1], *base = argv[2], *name = argv[3], *host = argv[4];
  char path[4096], data[8192];
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) exit(1);
  if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0) die("unshare: %s", strerror(errno));
  int go[2];
  if (pipe2(go, O_CLOEXEC) < 0) die("pipe: %s", strerror(errno));
  pid_t child = fork();
  if (child < 0) die("fork: %s", strerror(errno));
  if (child > 0) {
    printf("pid %d\n", child);
    fflush(stdout);
    if (write(go[1], "g", 1) != 1) die("pipe");
    close(1);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "lab-init");
  char c;
  close(go[1]);
  if (read(go[0], &c, 1) != 1) exit(1); /* the parent died before PDEATHSIG was set */
  close(go[0]);
  umask(022);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) die("private mounts: %s", strerror(errno));

  /* What the cell writes lives in memory: the cached root stays clean, and nothing is left to delete. */
  mnt("lab", base, "tmpfs", 0, "mode=755");
  char upper[4096], work[4096], at[4096];
  snprintf(upper, sizeof upper, "%s/upper", base);
  snprintf(work, sizeof work, "%s/work", base);
  snprintf(at, sizeof at, "%s/root", base);
  mkdirs(upper);
  mkdirs(work);
  snprintf(data, sizeof data, "lowerdir=%s,upperdir=%s,workdir=%s", root, upper, work);
  mnt("overlay", at, "overlay", 0, data);

#define AT(p) (snprintf(path, sizeof path, "%s" p, at), path)
  mnt("proc", AT("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mnt("sysfs", AT("/sys"), "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mnt("/dev", AT("/dev"), NULL, MS_BIND | MS_REC, NULL);
  mnt("run", AT("/run"), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
  mnt("tmp", AT("/tmp"), "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mnt("docker", AT("/var/lib/docker"), "tmpfs", 0, "mode=710");

  /* A cgroup of its own: enter it, make it the root that the cell sees, then leave it to a leaf, because cgroup v2 lets
     only leaves hold processes once controllers are on. */
  mnt("cgroup2", AT("/sys/fs/cgroup"), "cgroup2", 0, NULL);
  snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s", at, name);
  if (mkdir(path, 0755) < 0 && errno != EEXIST) die("cgroup %s: %s", path, strerror(errno));
  strncat(path, "/cgroup.procs", sizeof path - strlen(path) - 1);
  put(path, "0", 1);
  if (unshare(CLONE_NEWCGROUP) < 0) die("unshare cgroup: %s", strerror(errno));
  if (umount(AT("/sys/fs/cgroup")) < 0) die("umount cgroup: %s", strerror(errno));
  mnt("cgroup2", AT("/sys/fs/cgroup"), "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mkdirs(AT("/sys/fs/cgroup/init"));
  put(AT("/sys/fs/cgroup/init/cgroup.procs"), "0", 1);
  FILE *f = fopen(AT("/sys/fs/cgroup/cgroup.controllers"), "r");
  char ctl[64], plus[66];
  while (f && fscanf(f, "%63s", ctl) == 1) {
    snprintf(plus, sizeof plus, "+%s", ctl);
    put(AT("/sys/fs/cgroup/cgroup.subtree_control"), plus, 0);
  }
  if (f) fclose(f);

  mkdirs(AT("/run/old"));
  char old[4096];
  snprintf(old, sizeof old, "%s/run/old", at);
  if (chdir(at) < 0 || syscall(SYS_pivot_root, ".", old) < 0) die("pivot_root: %s", strerror(errno));
  if (chdir("/") < 0 || umount2("/run/old", MNT_DETACH) < 0) die("umount: %s", strerror(errno));
  rmdir("/run/old");
  mkdirs("/run/lock");
  mkdirs("/run/netns");
  if (sethostname(host, strlen(host)) < 0) die("hostname: %s", strerror(errno));
  lo_up();
  printf("ready\n");
  fflush(stdout);
  /* Standard output closed tells whoever waits that no more comes. */
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  dup2(null, 2);
  signal(SIGTERM, SIG_DFL);
  for (;;) {
    if (waitpid(-1, NULL, 0) < 0) pause_ms(100); /* no children: reap what arrives later */
  }
}

static int open_ns(const char *pid, const char *ns) {
  char path[256];
  snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, ns);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("%s: %s", path, strerror(errno));
  return fd;
}

static void join(int fd, int type, const char *what) {
  if (setns(fd, type) < 0) die("enter %s: %s", what, strerror(errno));
  close(fd);
}

static pid_t inside;
static void forward(int sig) {
  if (inside > 0) kill(inside, sig);
}

/*
 * labtool enter PID [--net-only] [--netns NAME] [--cwd DIR] -- COMMAND...
 * Runs COMMAND in the namespaces and the cgroup of PID; --net-only takes the network alone. --netns then changes to the
 * network kept under /run/netns of the cell. The command dies with us; signals are passed on; its exit is ours.
 */
int cmd_enter(int argc, char **argv) {
  const char *netns = NULL, *cwd = "/";
  int net_only = 0, i = 2;
  for (; i < argc && strcmp(argv[i], "--"); i++) {
    if (!strcmp(argv[i], "--net-only")) net_only = 1;
    else if (!strcmp(argv[i], "--netns") && i + 1 < argc) netns = argv[++i];
    else if (!strcmp(argv[i], "--cwd") && i + 1 < argc) cwd = argv[++i];
    else die("enter: %s", argv[i]);
  }
  if (argc < 3 || i + 1 >= argc) die("usage: labtool enter PID [--net-only] [--netns NAME] -- COMMAND...");
  const char *pid = argv[1];
  char **command = argv + i + 1;
  char path[256];
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) exit(1);
  int nsfd = -1;
  if (netns) {
    snprintf(path, sizeof path, "/proc/%s/root/run/netns/%s", pid, netns);
    if ((nsfd = open(path, O_RDONLY | O_CLOEXEC)) < 0) die("%s: %s", path, strerror(errno));
  }
  if (net_only) {
    join(nsfd >= 0 ? nsfd : open_ns(pid, "net"), CLONE_NEWNET, "net");
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    die("%s: %s", command[0], strerror(errno));
  }
  /* Before the cgroup namespace changes: a namespace root forbids moves from outside it. */
  snprintf(path, sizeof path, "/proc/%s/root/sys/fs/cgroup/init/cgroup.procs", pid);
  put(path, "0", 0);
  int net = open_ns(pid, "net"), ipc = open_ns(pid, "ipc"), uts = open_ns(pid, "uts"), cg = open_ns(pid, "cgroup");
  int pids = open_ns(pid, "pid"), mount = open_ns(pid, "mnt");
  join(cg, CLONE_NEWCGROUP, "cgroup");
  join(ipc, CLONE_NEWIPC, "ipc");
  join(uts, CLONE_NEWUTS, "uts");
  join(net, CLONE_NEWNET, "net");
  join(pids, CLONE_NEWPID, "pid");
  join(mount, CLONE_NEWNS, "mnt");
  if (nsfd >= 0) join(nsfd, CLONE_NEWNET, "netns");
  if (chdir(cwd) < 0) die("%s: %s", cwd, strerror(errno));
  int go[2];
  if (pipe2(go, O_CLOEXEC) < 0) die("pipe: %s", strerror(errno));
  inside = fork();
  if (inside < 0) die("fork: %s", strerror(errno));
  if (inside == 0) {
    char c;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(go[1]);
    if (read(go[0], &c, 1) != 1) exit(1);
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    die("%s: %s", command[0], strerror(errno));
  }
  struct sigaction sa = {.sa_handler = forward};
  int passed[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};
  for (size_t k = 0; k < sizeof passed / sizeof *passed; k++) sigaction(passed[k], &sa, NULL);
  if (write(go[1], "g", 1) != 1) die("pipe");
  /* The pipes are the command's alone: our copies would keep a reader waiting after it has closed them. */
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, 0);
  dup2(null, 1);
  int status;
  while (waitpid(inside, &status, 0) < 0)
    if (errno != EINTR) die("wait: %s", strerror(errno));
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    kill(getpid(), WTERMSIG(status));
    return 128 + WTERMSIG(status);
  }
  return WEXITSTATUS(status);
}

/* labtool netns PID -- COMMAND...: runs COMMAND in PID's network and nothing else of it. For use inside a cell. */
int cmd_netns(int argc, char **argv) {
  if (argc < 4 || strcmp(argv[2], "--")) die("usage: labtool netns PID|PATH -- COMMAND...");
  if (argv[1][0] == '/') {
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) die("%s: %s", argv[1], strerror(errno));
    join(fd, CLONE_NEWNET, "netns");
  } else join(open_ns(argv[1], "net"), CLONE_NEWNET, "net");
  signal(SIGPIPE, SIG_DFL);
  execvp(argv[3], argv + 3);
  die("%s: %s", argv[3], strerror(errno));
}

/*
 * labtool bind PID SOURCE TARGET ro|rw: shows SOURCE of the machine at TARGET inside the cell, which has long left the
 * machine's mounts; hence a detached copy of the mount, carried over by its descriptor.
 */
int cmd_bind(int argc, char **argv) {
  if (argc != 5) die("usage: labtool bind PID SOURCE TARGET ro|rw");
  struct stat st;
  if (stat(argv[2], &st) < 0) die("%s: %s", argv[2], strerror(errno));
  int fd = syscall(SYS_open_tree, AT_FDCWD, argv[2], OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
  if (fd < 0) die("open_tree %s: %s", argv[2], strerror(errno));
  if (!strcmp(argv[4], "ro")) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
      die("mount_setattr: %s", strerror(errno));
  }
  join(open_ns(argv[1], "mnt"), CLONE_NEWNS, "mnt");
  if (S_ISDIR(st.st_mode)) mkdirs(argv[3]);
  else {
    char dir[4096];
    snprintf(dir, sizeof dir, "%s", argv[3]);
    char *slash = strrchr(dir, '/');
    if (slash && slash != dir) {
      *slash = 0;
      mkdirs(dir);
    }
    int made = open(argv[3], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (made >= 0) close(made);
  }
  if (syscall(SYS_move_mount, fd, "", AT_FDCWD, argv[3], MOVE_MOUNT_F_EMPTY_PATH) < 0)
    die("move_mount %s: %s", argv[3], strerror(errno));
  return 0;
}

/* labtool sysctl KEY=VALUE...: sets keys (dots or slashes) of the network we are in; a leading '-' makes one optional. */
int cmd_sysctl(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char path[4096];
    char *key = argv[i], *eq = strchr(key, '=');
    int required = *key != '-';
    if (!required) key++;
    if (!eq) die("sysctl: %s", argv[i]);
    *eq = 0;
    if (!strchr(key, '/'))
      for (char *p = key; *p; p++)
        if (*p == '.') *p = '/';
    snprintf(path, sizeof path, "/proc/sys/%s", key);
    put(path, eq + 1, required);
  }
  return 0;
}
