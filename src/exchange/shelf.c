#include "exchange/shelf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "os/sys.h"

static uint64_t sum_of(const char *path)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (; *path; path++)
        sum = (sum ^ (unsigned char)*path) * 1099511628211u;
    return sum;
}

static size_t place_of(uint64_t sum)
{
    return (sum ^ sum >> 32) % LS_SHELF_PLACES;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           is_same_time(&a->st_ctim, &b->st_ctim) && is_same_time(&a->st_mtim, &b->st_mtim);
}

static size_t size_of(const struct ls_kept *kept)
{
    return sizeof *kept + kept->path_len + 1 + (size_t)kept->is.st_size;
}

static void put_away(struct ls_shelf *s, size_t place)
{
    struct ls_kept *kept = s->places[place];
    if (!kept)
        return;
    s->bytes -= size_of(kept);
    s->places[place] = NULL;
    free(kept);
}

const char *ls_shelf_find(struct ls_shelf *s, int root, const char *path, struct stat *is)
{
    size_t place = place_of(sum_of(path));
    const struct ls_kept *kept = s->places[place];
    if (!kept || strcmp(kept->bytes, path) != 0)
        return NULL;
    if (ls_sys_newfstatat(root, path, is, 0) < 0 || !is_same(is, &kept->is)) {
        put_away(s, place);
        return NULL;
    }
    return kept->bytes + kept->path_len + 1;
}

/* All of the file; NULL: not so much came, or there is no memory. */
static struct ls_kept *take(const char *path, int fd, const struct stat *is)
{
    struct stat after;
    size_t len = strlen(path), size = (size_t)is->st_size;
    struct ls_kept *kept = malloc(sizeof *kept + len + 1 + size);
    if (!kept)
        return NULL;
    *kept = (struct ls_kept) { .is = *is, .path_len = len };
    memcpy(kept->bytes, path, len + 1);
    if (ls_sys_pread64(fd, kept->bytes + len + 1, size, 0) == (long)size &&
        ls_sys_fstat(fd, &after) == 0 && is_same(is, &after))
        return kept;
    free(kept);
    return NULL;
}

void ls_shelf_offer(struct ls_shelf *s, const char *path, int fd, const struct stat *is)
{
    uint64_t sum = sum_of(path);
    size_t place = place_of(sum);
    bool again = s->asked[place] == sum;
    s->asked[place] = sum;
    if (!again || is->st_size > LS_SHELF_FILE || is->st_ctim.tv_sec + s->settled >= ls_clock_wall())
        return;
    put_away(s, place);
    s->places[place] = take(path, fd, is);
    if (s->places[place])
        s->bytes += size_of(s->places[place]);
    if (s->bytes > LS_SHELF_MOST)
        ls_shelf_free(s);
}

void ls_shelf_free(struct ls_shelf *s)
{
    for (size_t i = 0; i < LS_SHELF_PLACES; i++)
        put_away(s, i);
}
