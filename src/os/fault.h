/* The one fault-injection switch: the Nth call of a syscall fails, or is short.
 *
 * A plan is text, items between commas:
 *
 *     [role/]name:N[+]:ERRNO      the Nth call (1, 2, …) fails with that errno, unexecuted
 *     [role/]name:N[+]:short      the Nth call moves at most one byte (read, pread64, write,
 *                                 sendto, recvfrom, sendfile; readv, writev: of the first part)
 *
 * `name` is a function of os/sys.h without its ls_sys_, the error one of the names that
 * os/fault.c lists. Blanks around an item do not count. Where two items are due at once the
 * first holds; a call that fails or is short has been a call for all of them.
 *
 * `N+` means the Nth call and all after it. `role` is supervisor or worker, for calls made by
 * that kind of process only; each process counts its own calls from 1 (a child that has not
 * become anything goes on from its parent's count).
 * Example: "worker/write:1:EPIPE,supervisor/accept4:2+:EMFILE".
 *
 * What makes it possible is the gate in asm/sys.asm: one pointer, NULL in ordinary life, that
 * each stub looks at. It belongs to the process and not to a server, as the kernel does; it is
 * the only mutable static object in the program. */
#ifndef LS_OS_FAULT_H
#define LS_OS_FAULT_H

#include "base/slice.h"

enum ls_fault_role { LS_FAULT_SUPERVISOR, LS_FAULT_WORKER };

/* Reads a plan and opens the gate; an earlier plan is forgotten, and an empty one closes the
 * gate. Only while the process has one thread. The plan's memory stays until then, or for the
 * life of the process; the text is not kept.
 * 0, -ENOMEM, or -EINVAL with *bad set to the item that could not be read (the earlier plan
 * stays). */
int ls_fault_plan(struct ls_slice plan, struct ls_slice *bad);

/* What this process is from now on; its counts start again at 0. Does nothing without a plan. */
void ls_fault_become(enum ls_fault_role role);

#endif
