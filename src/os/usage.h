/* What processes of ours use, as the kernel tells: proc(5). Each function gives -errno where it does not tell: the
 * process has gone, or may not be looked at (hidepid, another user, a filter of syscalls). */
#ifndef LS_OS_USAGE_H
#define LS_OS_USAGE_H

#include <stddef.h>
#include <stdint.h>

/* CPU time so far, in µs, of the process; and, as far as the kernel's clock ticks (10 ms), with that of all its
 * children that have been waited for, and theirs. */
int ls_usage_cpu(int pid, uint64_t *us);
int ls_usage_cpu_of_all(int pid, uint64_t *us);

/* Bytes of memory that are resident; and which of these are its alone, which takes the kernel longer to say, and
 * may be forbidden where the first is not. */
int ls_usage_resident(int pid, uint64_t *bytes);
int ls_usage_own(int pid, uint64_t *bytes);

/* Of the text of a file /proc/N/stat: user and system time, its own and its children's, in ticks. -EINVAL: it is
 * none. The name in it may be anything, parentheses and blanks too. */
int ls_usage_parse_stat(const char *text, size_t len, uint64_t *ticks);

/* Of /proc/N/smaps_rollup: the sum of what is private, in bytes. */
int ls_usage_parse_own(const char *text, size_t len, uint64_t *bytes);

#endif
