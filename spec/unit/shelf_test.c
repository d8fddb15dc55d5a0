#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/slice.h"
#include "exchange/shelf.h"

enum { NOW = -3600, /* seconds: files that were just made are taken for settled */ ROOM = 64 };

static struct ls_shelf shelf;
static char folder[ROOM];
static int root;

static void begin(void)
{
    shelf = (struct ls_shelf) { .settled = NOW };
    snprintf(folder, sizeof folder, "/tmp/luaserve-shelf-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    root = open(folder, O_RDONLY | O_DIRECTORY);
    CHECK(root >= 0);
}

static void end(void)
{
    ls_shelf_free(&shelf);
    CHECK_INT(shelf.bytes, 0);
    close(root);
    rmdir(folder);
}

static void put(const char *path, const char *text)
{
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void offer(const char *path)
{
    struct stat is;
    int fd = openat(root, path, O_RDONLY);
    CHECK_INT(fstat(fd, &is), 0);
    ls_shelf_offer(&shelf, path, fd, &is);
    close(fd);
}

static void offer_twice(const char *path)
{
    offer(path);
    offer(path);
}

/* "": it is not kept. */
static struct ls_slice found(const char *path)
{
    struct stat is;
    const char *content = ls_shelf_find(&shelf, root, path, &is);
    return content ? (struct ls_slice) { content, (size_t)is.st_size } : LS_SLICE("");
}

static void what_is_asked_for_again_is_kept(void)
{
    begin();
    put("a", "first");
    CHECK_TEXT(found("a"), "");
    offer("a");
    CHECK_TEXT(found("a"), "");
    offer("a");
    CHECK_TEXT(found("a"), "first");
    CHECK_TEXT(found("b"), "");
    unlinkat(root, "a", 0);
    end();
}

static void what_has_changed_is_put_away(void)
{
    begin();
    put("a", "first");
    offer_twice("a");
    put("a",
        "other"); /* as long, perhaps within one tick; but the shelf is told to take that risk … */
    const struct timespec later[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    CHECK_INT(futimens(openat(root, "a", O_RDONLY), later), 0); /* … so its times are set as well */
    CHECK_TEXT(found("a"), "");
    offer("a");
    CHECK_TEXT(found("a"), "other");
    unlinkat(root, "a", 0);
    CHECK_TEXT(found("a"), "");
    CHECK_INT(shelf.bytes, 0);
    end();
}

static void another_file_in_its_place_is_seen(void)
{
    begin();
    put("a", "first");
    put("b", "other");
    offer_twice("a");
    CHECK_INT(renameat(root, "b", root, "a"), 0);
    CHECK_TEXT(found("a"), "");
    unlinkat(root, "a", 0);
    end();
}

static void what_has_just_changed_is_not_kept(void)
{
    begin();
    shelf.settled = LS_SHELF_SETTLED;
    put("a", "first");
    offer_twice("a");
    CHECK_TEXT(found("a"), "");
    unlinkat(root, "a", 0);
    end();
}

static void what_is_large_is_not_kept(void)
{
    static char large[LS_SHELF_FILE + 2];
    begin();
    memset(large, 'x', LS_SHELF_FILE + 1);
    put("a", large);
    offer_twice("a");
    CHECK_INT(found("a").len, 0);
    put("a", large + 1);
    offer("a");
    CHECK_INT(found("a").len, LS_SHELF_FILE);
    unlinkat(root, "a", 0);
    end();
}

static void all_that_is_kept_is_bounded(void)
{
    enum { FILES = 400 };
    static char large[LS_SHELF_FILE + 1];
    char name[ROOM];
    begin();
    memset(large, 'x', LS_SHELF_FILE);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        put(name, large);
        offer_twice(name);
        CHECK(shelf.bytes <= LS_SHELF_MOST);
        CHECK(shelf.bytes > 0 || i > 0);
        unlinkat(root, name, 0);
    }
    end();
}

static const struct unit_test tests[] = {
    { "what is asked for again is kept", what_is_asked_for_again_is_kept },
    { "what has changed is put away", what_has_changed_is_put_away },
    { "another file in its place is seen", another_file_in_its_place_is_seen },
    { "what has just changed is not kept", what_has_just_changed_is_not_kept },
    { "what is large is not kept", what_is_large_is_not_kept },
    { "all that is kept is bounded", all_that_is_kept_is_bounded },
};

UNIT_MAIN(tests)
