#include "config.h"

#include "loadable.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    SCRIPT_LINE_BYTES = 256, /* what the kernel reads of a "#!" line */
    NOTE_BYTES_MAX = 4096,   /* of one PT_NOTE segment: build ids are first */
    PHDRS_MAX = 128,
    SHDRS_MAX = 1024,
};

/* ---- finding ---- */

static int executable(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || access(path, X_OK) != 0)
        return -EACCES;
    return 0;
}

static int take(char *path, const char *dir, size_t dir_len, const char *program)
{
    int n = snprintf(path, TRK_LOADABLE_PATH_BYTES, "%.*s%s%s", (int)dir_len, dir, dir_len > 0 ? "/" : "", program);
    return n < 0 || n >= TRK_LOADABLE_PATH_BYTES ? -ENAMETOOLONG : executable(path);
}

int trk_loadable_find(const char *program, char *path)
{
    path[0] = '\0';
    if (*program == '\0')
        return -ENOENT;
    if (strchr(program, '/') != NULL)
        return take(path, "", 0, program);
    const char *dirs = getenv("PATH");
    if (dirs == NULL)
        dirs = "/bin:/usr/bin";
    int worst = -ENOENT;
    for (;;) {
        size_t len = strcspn(dirs, ":");
        int rc = len > 0 ? take(path, dirs, len, program) : take(path, ".", 1, program);
        if (rc == 0)
            return 0;
        if (rc == -EACCES) /* as execvp: said only if no other place has it */
            worst = rc;
        if (dirs[len] == '\0')
            break;
        dirs += len + 1;
    }
    path[0] = '\0';
    return worst;
}

/* ---- ELF ---- */

static bool read_at(int fd, void *buf, size_t n, uint64_t at)
{
    return at <= INT64_MAX && pread(fd, buf, n, (off_t)at) == (ssize_t)n;
}

/* Does a segment of notes have one whose name is "Go"? */
static bool notes_say_go(int fd, const ElfW(Phdr) * ph)
{
    union {
        uint8_t bytes[NOTE_BYTES_MAX];
        ElfW(Nhdr) first;
    } notes;
    size_t n = ph->p_filesz < sizeof notes ? ph->p_filesz : sizeof notes;
    if (!read_at(fd, &notes, n, ph->p_offset))
        return false;
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) + 4 <= n;) {
        ElfW(Nhdr) note;
        memcpy(&note, notes.bytes + at, sizeof note);
        if (note.n_namesz == 4 && memcmp(notes.bytes + at + sizeof note, "Go\0", 4) == 0)
            return true;
        uint64_t step = sizeof note + (((uint64_t)note.n_namesz + 3) & ~UINT64_C(3)) +
                        (((uint64_t)note.n_descsz + 3) & ~UINT64_C(3));
        if (step > n - at)
            return false;
        at += (size_t)step;
    }
    return false;
}

/* A stripped or externally linked Go program may have no note; its build information is a section. */
static bool sections_say_go(int fd, const ElfW(Ehdr) * eh)
{
    static const char wanted[] = ".go.buildinfo";
    ElfW(Shdr) names, sh;
    if (eh->e_shentsize != sizeof sh || eh->e_shnum > SHDRS_MAX || eh->e_shstrndx >= eh->e_shnum ||
        !read_at(fd, &names, sizeof names, eh->e_shoff + (uint64_t)eh->e_shstrndx * sizeof sh))
        return false;
    for (unsigned i = 0; i < eh->e_shnum; i++) {
        char name[sizeof wanted];
        if (read_at(fd, &sh, sizeof sh, eh->e_shoff + (uint64_t)i * sizeof sh) &&
            read_at(fd, name, sizeof name, names.sh_offset + sh.sh_name) && memcmp(name, wanted, sizeof name) == 0)
            return true;
    }
    return false;
}

/* The dynamic linker that PT_INTERP names is one that loads a library made for glibc. */
static bool is_glibc(int fd, const ElfW(Phdr) * ph)
{
    char interp[SCRIPT_LINE_BYTES] = "";
    size_t n = ph->p_filesz < sizeof interp - 1 ? ph->p_filesz : sizeof interp - 1;
    return !read_at(fd, interp, n, ph->p_offset) || strstr(interp, "musl") == NULL;
}

static enum trk_loadable check_elf(int fd, const ElfW(Ehdr) * eh)
{
    ElfW(Ehdr) own;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool same = self < 0 || (read_at(self, &own, sizeof own, 0) && own.e_machine == eh->e_machine &&
                             own.e_ident[EI_CLASS] == eh->e_ident[EI_CLASS]);
    if (self >= 0)
        close(self);
    if (!same)
        return TRK_LOADABLE_FOREIGN;
    if (eh->e_phentsize != sizeof(ElfW(Phdr)) || eh->e_phnum > PHDRS_MAX)
        return TRK_LOADABLE_UNKNOWN;
    bool has_interp = false, go = sections_say_go(fd, eh), glibc = true;
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        ElfW(Phdr) ph;
        if (!read_at(fd, &ph, sizeof ph, eh->e_phoff + (uint64_t)i * sizeof ph))
            return TRK_LOADABLE_UNKNOWN;
        if (ph.p_type == PT_INTERP) {
            has_interp = true;
            glibc = is_glibc(fd, &ph);
        }
        go |= ph.p_type == PT_NOTE && notes_say_go(fd, &ph);
    }
    if (go)
        return TRK_LOADABLE_GO;
    if (!has_interp)
        return TRK_LOADABLE_STATIC;
    return glibc ? TRK_LOADABLE_YES : TRK_LOADABLE_FOREIGN;
}

/* ---- files ---- */

/* Does the kernel raise privileges for it, so that the linker turns careful? */
static enum trk_loadable check_privileges(int fd)
{
    struct stat st;
    struct statvfs fs;
    char value[64];
    if (fstat(fd, &st) != 0)
        return TRK_LOADABLE_UNKNOWN;
    if (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0)
        return TRK_LOADABLE_YES;
    if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid())
        return TRK_LOADABLE_SETID;
    if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
        return TRK_LOADABLE_SETID;
    if (getuid() != 0 && fgetxattr(fd, "security.capability", value, sizeof value) > 0)
        return TRK_LOADABLE_CAPABILITY;
    return TRK_LOADABLE_YES;
}

/* The program that a "#!" line (text, NUL-terminated) runs, into path. False if there is none to be found. */
static bool interpreter(char *text, char *path)
{
    char *rest = text + 2;
    rest[strcspn(rest, "\n")] = '\0';
    char *save = NULL;
    const char *word = strtok_r(rest, " \t", &save);
    if (word == NULL)
        return false;
    const char *base = strrchr(word, '/');
    if (strcmp(base != NULL ? base + 1 : word, "env") == 0) {
        do /* options and assignments of env */
            word = strtok_r(NULL, " \t", &save);
        while (word != NULL && (*word == '-' || strchr(word, '=') != NULL));
        return word != NULL && trk_loadable_find(word, path) == 0;
    }
    return (size_t)snprintf(path, TRK_LOADABLE_PATH_BYTES, "%s", word) < TRK_LOADABLE_PATH_BYTES;
}

/* One file. Returns true if it is a script; out->file is its interpreter then. */
static bool check_file(struct trk_loadable_result *out)
{
    union {
        char text[SCRIPT_LINE_BYTES + 1];
        ElfW(Ehdr) elf;
    } head = {{0}};
    bool script = false;
    out->answer = TRK_LOADABLE_UNKNOWN;
    int fd = open(out->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, head.text, SCRIPT_LINE_BYTES, 0);
    if (n >= 2 && memcmp(head.text, "#!", 2) == 0) {
        script = interpreter(head.text, out->file);
    } else if (n >= (ssize_t)sizeof head.elf && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0) {
        out->answer = check_privileges(fd);
        if (out->answer == TRK_LOADABLE_YES)
            out->answer = check_elf(fd, &head.elf);
    }
    close(fd);
    return script;
}

void trk_loadable_check(const char *path, struct trk_loadable_result *out)
{
    out->answer = TRK_LOADABLE_UNKNOWN;
    if ((size_t)snprintf(out->file, sizeof out->file, "%s", path) >= sizeof out->file)
        return;
    for (unsigned depth = 0; depth <= TRK_LOADABLE_SCRIPTS_MAX; depth++)
        if (!check_file(out))
            return;
}

const char *trk_loadable_why(enum trk_loadable answer)
{
    switch (answer) {
    case TRK_LOADABLE_STATIC:
        return "is statically linked: no library can be loaded into it";
    case TRK_LOADABLE_GO:
        return "is a Go program: it calls the kernel without the C library";
    case TRK_LOADABLE_SETID:
        return "is set-user-ID or set-group-ID: the dynamic linker ignores LD_PRELOAD";
    case TRK_LOADABLE_CAPABILITY:
        return "has file capabilities: the dynamic linker ignores LD_PRELOAD";
    case TRK_LOADABLE_FOREIGN:
        return "is for another machine, word size or C library than libtrickles.so";
    case TRK_LOADABLE_YES:
    case TRK_LOADABLE_UNKNOWN:
        break;
    }
    return "";
}
