/* A child whose every instruction is a stop: what a kill -9 at any of them leaves behind. */
#ifndef STEPPING_H
#define STEPPING_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/sys.h"

/* The child has stopped: true; it is no more: false. */
static inline bool step_wait(int pid)
{
    int status;
    return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

/* A child that stands before `run`, after which it ends. By a signal: what a sanitizer does at an exit is
 * thousands of instructions. */
static inline int step_begin(void (*run)(void *), void *ctx)
{
    int pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(1);
        ls_sys_kill(ls_sys_getpid(), SIGSTOP);
        run(ctx);
        ls_sys_kill(ls_sys_getpid(), SIGKILL);
    }
    step_wait(pid);
    return pid;
}

/* One instruction; false: it is no more. */
static inline bool step_on(int pid)
{
    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    return step_wait(pid);
}

/* Until it stops itself. */
static inline bool step_continue(int pid)
{
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    return step_wait(pid);
}

static inline void step_kill(int pid)
{
    kill(pid, SIGKILL);
    while (step_wait(pid))
        ;
}

static inline bool step_is_asleep(int pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    const char *behind = strrchr(line, ')');
    return behind && behind[1] == ' ' && behind[2] == 'S';
}

static inline void step_until_asleep(int pid)
{
    while (!step_is_asleep(pid))
        usleep(100);
}

/* Steps into the system call in which it sleeps; step_wait is for when it has woken. */
static inline void step_until_asleep_within(int pid)
{
    int status;
    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    while (!step_is_asleep(pid))
        if (waitpid(pid, &status, WNOHANG) == pid)
            ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
}

/* Under valgrind the instructions are valgrind's own. */
static inline bool step_is_permitted(void)
{
    int status, pid = getenv("VALGRIND") ? -1 : fork();
    if (pid == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

#endif
