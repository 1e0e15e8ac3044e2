/* A disk that keeps only what was synchronised, or that is full: for programs that are run with this library preloaded.
 *
 * PLFED_POWER_DIR     the folder that is watched; all else is as ever
 * PLFED_POWER_SHADOW  another folder, which holds each watched file as it was when it was last synchronised; a new name
 *                     of a file counts once its folder was synchronised, the end of a file once anything was, as on
 *                     file systems that keep a journal. Beside it SHADOW.renamed lists new names.
 * PLFED_POWER_FULL    while a file of this name exists, nothing can be written below the watched folder: ENOSPC
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) real_##name = real_##name ? real_##name : dlsym(RTLD_NEXT, #name)

static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_rename)(const char *, const char *), (*real_unlink)(const char *);
static ssize_t (*real_write)(int, const void *, size_t), (*real_pwrite)(int, const void *, size_t, off_t),
    (*real_pwrite64)(int, const void *, size_t, off_t);

/* The path of an open file below the watched folder, relative to it; NULL for any other. */
static const char *watched(int fd, char path[PATH_MAX]) {
    const char *dir = getenv("PLFED_POWER_DIR");
    char link[64];
    if (!dir) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    size_t prefix = strlen(dir);
    if (strncmp(path, dir, prefix) || (path[prefix] && path[prefix] != '/')) return NULL;
    return path + prefix;
}

static void make_folders(char *path) {
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
}

static void copy(const char *from, const char *relative) {
    const char *shadow = getenv("PLFED_POWER_SHADOW");
    char to[PATH_MAX], beside[PATH_MAX], piece[65536];
    ssize_t got;
    if (!shadow) return;
    snprintf(to, sizeof to, "%s%s", shadow, relative);
    snprintf(beside, sizeof beside, "%s%s.copying", shadow, relative);
    make_folders(to);
    REAL(write), REAL(rename);
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (in >= 0 && out >= 0 && (got = read(in, piece, sizeof piece)) > 0)
        if (real_write(out, piece, got) != got) abort();
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    real_rename(beside, to);
}

/* A folder was synchronised: the new names of files in it count, with what of the files was synchronised. */
static void settle(const char *relative) {
    const char *shadow = getenv("PLFED_POWER_SHADOW");
    char list[PATH_MAX], line[2 * PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    if (!shadow) return;
    snprintf(list, sizeof list, "%s.renamed", shadow);
    FILE *file = fopen(list, "re");
    if (!file) return;
    size_t prefix = strlen(relative);
    REAL(rename);
    while (fgets(line, sizeof line, file)) {
        char *old = strtok(line, "\t\n"), *new = strtok(NULL, "\t\n");
        if (!old || !new || strncmp(new, relative, prefix) || new[prefix] != '/' || strchr(new + prefix + 1, '/')) continue;
        snprintf(from, sizeof from, "%s%s", shadow, old);
        snprintf(to, sizeof to, "%s%s", shadow, new);
        real_rename(from, to);
    }
    fclose(file);
}

/* The files that ended before now have ended for good. */
static void bury(void) {
    const char *shadow = getenv("PLFED_POWER_SHADOW");
    char list[PATH_MAX], mine[PATH_MAX + 32], line[PATH_MAX], gone[2 * PATH_MAX];
    if (!shadow) return;
    snprintf(list, sizeof list, "%s.unlinked", shadow);
    snprintf(mine, sizeof mine, "%s.%d", list, (int)getpid());
    REAL(rename), REAL(unlink);
    if (real_rename(list, mine)) return;
    FILE *file = fopen(mine, "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        snprintf(gone, sizeof gone, "%s%s", shadow, line);
        real_unlink(gone);
    }
    if (file) fclose(file);
    real_unlink(mine);
}

static int synced(int fd, int result) {
    char path[PATH_MAX];
    struct stat kind;
    const char *relative = watched(fd, path);
    int kept = errno;
    if (!result && relative) bury();
    if (!result && relative && !fstat(fd, &kind)) S_ISDIR(kind.st_mode) ? settle(relative) : copy(path, relative);
    errno = kept;
    return result;
}

int fsync(int fd) { return REAL(fsync), synced(fd, real_fsync(fd)); }

int fdatasync(int fd) { return REAL(fdatasync), synced(fd, real_fdatasync(fd)); }

static void note(const char *kind, const char *old, const char *new) {
    const char *dir = getenv("PLFED_POWER_DIR"), *shadow = getenv("PLFED_POWER_SHADOW");
    size_t prefix = dir ? strlen(dir) : 0;
    char list[PATH_MAX];
    if (!dir || !shadow || strncmp(old, dir, prefix) || (new && strncmp(new, dir, prefix))) return;
    snprintf(list, sizeof list, "%s.%s", shadow, kind);
    FILE *file = fopen(list, "ae");
    if (!file) return;
    new ? fprintf(file, "%s\t%s\n", old + prefix, new + prefix) : fprintf(file, "%s\n", old + prefix);
    fclose(file);
}

int rename(const char *old, const char *new) {
    REAL(rename);
    int result = real_rename(old, new);
    if (!result) note("renamed", old, new);
    return result;
}

int unlink(const char *path) {
    REAL(unlink);
    int result = real_unlink(path);
    if (!result) note("unlinked", path, NULL);
    return result;
}

static int is_full(int fd) {
    char path[PATH_MAX];
    struct stat kind;
    const char *flag = getenv("PLFED_POWER_FULL");
    if (!flag || access(flag, F_OK) || !watched(fd, path) || fstat(fd, &kind) || !S_ISREG(kind.st_mode)) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) { return REAL(write), is_full(fd) ? -1 : real_write(fd, data, size); }

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return REAL(pwrite), is_full(fd) ? -1 : real_pwrite(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) {
    return REAL(pwrite64), is_full(fd) ? -1 : real_pwrite64(fd, data, size, at);
}
