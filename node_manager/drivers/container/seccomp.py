"""The system calls a sliver may make.

An allow-list: what ordinary programs need (compilers, package managers, servers, debuggers were tried inside), and
nothing that makes namespaces, mounts, kernel keys, BPF programs, performance counters or rings, that changes the
clock, the host name or the machine, or that opens a kind of socket which no network namespace separates. `clone` may
not make namespaces; `clone3`, whose arguments a filter cannot see, is told to be absent, and libraries fall back.
"""

import os
from typing import Any

_FILES = """
    _llseek access chdir chmod chown chown32 chroot close close_range copy_file_range creat dup dup2 dup3 faccessat
    faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchown fchown32 fchownat fcntl
    fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64
    fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init
    inotify_init1 inotify_rm_watch ioctl lchown lchown32
    lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod
    mknodat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
    readahead readdir readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile sendfile64
    setxattr splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs tee truncate
    truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes write writev
"""

_PROCESSES = """
    arch_prctl capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getegid
    getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority
    getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get
    ioprio_set kcmp landlock_add_rule landlock_create_ruleset landlock_restrict_self pidfd_open pidfd_send_signal
    prctl prlimit64 process_mrelease process_vm_readv process_vm_writev ptrace rseq sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
    sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
    seccomp set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32
    setreuid setreuid32 setrlimit setsid setuid setuid32 syscall sysinfo times ugetrlimit uname vfork wait4 waitid
    waitpid
"""

_MEMORY = """
    brk get_mempolicy madvise mbind membarrier memfd_create mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap
    msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages set_mempolicy
"""

_SOCKETS = """
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair
"""

_WAITING = """
    _newselect alarm clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
    epoll_wait_old eventfd eventfd2 futex futex_time64 getitimer getrandom gettimeofday kill nanosleep pause poll
    ppoll ppoll_time64 pselect6 pselect6_time64 restart_syscall rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo select
    setitimer sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend tgkill
    time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
    timerfd timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 tkill
"""

_MESSAGES = """
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
"""

# Asynchronous requests are counted for the whole node (fs.aio-max-nr): one sliver could take them all.
_ABSENT = ("io_setup", "io_submit", "io_getevents", "io_cancel", "io_destroy")
_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag of sched.h, the time namespace included
_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink; vsock and alg are doors to the host, packet needs a broker
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)  # Linux, 32-bit, old uname; the last one only asks
_ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_ALLOW = "SCMP_ACT_ALLOW"


def profile() -> dict[str, Any]:
    """The filter as an OCI runtime reads it (runtime-spec, config-linux.md, section Seccomp)."""
    names = " ".join((_FILES, _PROCESSES, _MEMORY, _SOCKETS, _WAITING, _MESSAGES)).split()
    calls: list[dict[str, Any]] = [
        {"names": names, "action": _ALLOW},
        {"names": ["clone"], "action": _ALLOW, "args": [_argument("SCMP_CMP_MASKED_EQ", _NAMESPACES)]},
        {"names": ["clone3", *_ABSENT], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},  # ENOSYS
    ]
    for name, values in (("socket", _FAMILIES), ("personality", _PERSONALITIES)):
        calls += [{"names": [name], "action": _ALLOW, "args": [_argument("SCMP_CMP_EQ", value)]} for value in values]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,  # EPERM
        "architectures": [_ARCHITECTURES[os.uname().machine]],
        "syscalls": calls,
    }


def _argument(comparison: str, value: int) -> dict[str, int | str]:
    """The first argument compared with ``value``; masked: all of these bits are off."""
    return {"index": 0, "value": value, "valueTwo": 0, "op": comparison}
