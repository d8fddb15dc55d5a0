/* Who holds which descriptor.
 *
 *     0 … shared_end-1                 stdio, what scripts opened, www: workers keep these
 *                                      (and room for a reload to open as much again)
 *     shared_end … ring-1              the supervisor's own (listeners, epoll, signals)
 *     ring … ring + LS_FDS_RING - 1    a new client's socket, where its worker finds it
 *     ring + LS_FDS_RING …             every client's socket, the supervisor's copy ("foreign")
 *
 * A worker is cloned with CLONE_FILES and cuts itself loose with one close_range(…, UNSHARE)
 * that copies only what lies below its own ring entry: the cost of a fork does not grow with the
 * number of clients, and a worker holds no other client's socket. */
#ifndef LS_OS_FDS_H
#define LS_OS_FDS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LS_FDS_RING = 16,
    LS_FDS_ROOM = 16,  /* numbers below shared_end that whoever sets it leaves free */
    LS_FDS_HOLES = 64, /* below the ring that are filled at most */
    LS_FDS_NOTED = 1024
};

struct ls_fds {
    int shared_end;                         /* set by who opens the supervisor's own */
    int ring;                               /* set by ls_fds_make_ring */
    int filled[LS_FDS_HOLES], filled_count; /* set by ls_fds_fill */
    bool noted[LS_FDS_NOTED];               /* set by ls_fds_note */
};

/* The highest open descriptor of this process, or -errno (-EBADF: none is open). Read from
 * /proc/self/fd; where that is not mounted each descriptor below the soft limit is asked. */
int ls_fds_highest(void);

/* `fd` moved to the lowest free descriptor >= lowest, close-on-exec; the old one is closed.
 * The new descriptor, or -errno with `fd` still open. */
int ls_fds_move(int fd, int lowest);

/* The same for *fd, unless it is that high already, or < 0. 0 or -errno. */
int ls_fds_raise(int *fd, int lowest);

/* A descriptor that is of no use to anybody, or -errno. */
int ls_fds_placeholder(void);

/* Fills the ring, directly above the highest open descriptor, with duplicates of `placeholder`,
 * which must be of no use to a child; they are close-on-exec. Sets fds->ring. 0, or -errno with
 * nothing left open (-EBADF also when the ring would pass the descriptor limit). */
int ls_fds_make_ring(struct ls_fds *fds, int placeholder);

/* Supervisor: the client's socket stands (also) in ring entry `entry`, close-on-exec; or the
 * entry holds the placeholder again. 0 or -errno. */
int ls_fds_lend(const struct ls_fds *fds, int entry, int socket);
int ls_fds_clear(const struct ls_fds *fds, int entry, int placeholder);

/* Supervisor: free numbers below the ring hold duplicates of `placeholder`, so that no client gets
 * one of them; or are free again, and then whatever is opened lies below the ring or fails with
 * EMFILE. Both in turn. */
void ls_fds_fill(struct ls_fds *fds, int placeholder);
void ls_fds_make_room(struct ls_fds *fds);

/* Another child that shares the table, its first act: leaves it with the shared descriptors. 0 or
 * -errno. */
int ls_fds_leave(const struct ls_fds *fds);

/* A worker that goes on forking: what is open now and is shared (below LS_FDS_NOTED, or it counts as such); and,
 * in its child: in the place of all but that, and `count` others, stands /dev/null, so that nobody who still knows
 * such a number (a FILE) can meet what is opened later. 0 or -errno. */
void ls_fds_note(struct ls_fds *fds);
int ls_fds_leave_but(const struct ls_fds *fds, const int *others, size_t count);

/* Worker, its first act: leaves it with the shared descriptors and its own ring entry.
 * The descriptor of its client, or -errno (then nothing was closed: only exit_group is safe). */
int ls_fds_detach(const struct ls_fds *fds, int entry);

#endif
