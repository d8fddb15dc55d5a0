; The kernel, one line a syscall. Prototypes and contract: src/os/sys.h.
;
; in         as the prototype says (System V)
; out        rax: >= 0 or -errno
; clobbered  rcx, r10, r11; through the gate whatever a C call clobbers

           %include "nr.inc"
           %include "abi.inc"

           section .bss align=8
           global ls_sys_gate:data hidden
ls_sys_gate:                            ; struct ls_sys_gate *, or NULL: no gate
           resq 1

           section .text
           STUB socket
           STUB setsockopt
           STUB getsockopt
           STUB getsockname
           STUB bind
           STUB listen
           STUB accept4
           STUB connect
           STUB shutdown
           STUB sendto
           STUB recvfrom
           STUB sendfile

           STUB openat2
           STUB fstat
           STUB newfstatat
           STUB lseek
           STUB getdents64
           STUB mkdir
           STUB rmdir
           STUB unlink
           STUB read
           STUB readv
           STUB pread64
           STUB write
           STUB writev
           STUB dup
           STUB dup3
           STUB fcntl
           STUB pipe2
           STUB close
           STUB close_range

           STUB ppoll, r8d
           STUB epoll_create1
           STUB epoll_ctl
           STUB epoll_pwait, r9d
           STUB eventfd2
           STUB timerfd_create
           STUB timerfd_settime

           STUB clone
           STUB wait4
           STUB waitid
           STUB kill
           STUB rt_sigqueueinfo
           STUB pidfd_open
           STUB pidfd_send_signal
           STUB rt_sigaction, r10d
           STUB rt_sigprocmask, r10d
           STUB rt_sigpending, esi
           STUB rt_sigtimedwait, r10d
           STUB sigaltstack
           STUB getpid
           STUB getppid
           STUB setpgid
           STUB geteuid
           STUB setgroups
           STUB setresgid
           STUB setresuid
           STUB prctl
           STUB seccomp
           STUB prlimit64
           STUB get_robust_list
           STUB set_robust_list
           STUB futex
           STUB getrandom
           STUB clock_gettime
           STUB mmap
           STUB munmap
           STUB madvise
           STUB exit_group

; signalfd4(fd, mask, flags): the size of the mask stands before the flags.
           FUNCTION ls_sys_signalfd4
           mov r10, rdx                 ; flags
           mov edx, MASK_SIZE
           CALL_KERNEL signalfd4

; Where a handler returns to. Debuggers and unwinders know a signal's frame by exactly these
; nine bytes, so there is no endbr64 (the handler comes by `ret`) and the long form of mov.
           align 16
           global ls_sys_restorer:function hidden
ls_sys_restorer:
           mov rax, strict dword NR_rt_sigreturn
           syscall

; A stub's other way: return gate->pass(gate, nr, args).
; in         eax: number; rdi rsi rdx r10 r8 r9: arguments; a stub's return address on the stack
; clobbered  what a C call clobbers
ARG        equ 8                        ; bytes
FRAME      equ 6 * ARG + 8              ; long args[6]; the 8 align the stack for the call
ls_sys_gated:
           sub rsp, FRAME
           mov [rsp + 0 * ARG], rdi
           mov [rsp + 1 * ARG], rsi
           mov [rsp + 2 * ARG], rdx
           mov [rsp + 3 * ARG], r10
           mov [rsp + 4 * ARG], r8
           mov [rsp + 5 * ARG], r9
           mov rdi, [ls_sys_gate]       ; gate
           mov esi, eax                 ; nr
           mov rdx, rsp                 ; args
           call [rdi]                   ; its first member: pass
           add rsp, FRAME
           ret

; long ls_sys_raw(long nr, const long args[6]): the syscall itself, for a gate to use.
; in         rdi: number; rsi: arguments
           FUNCTION ls_sys_raw
           mov rax, rdi
           mov rdi, [rsi + 0 * ARG]
           mov rdx, [rsi + 2 * ARG]
           mov r10, [rsi + 3 * ARG]
           mov r8, [rsi + 4 * ARG]
           mov r9, [rsi + 5 * ARG]
           mov rsi, [rsi + 1 * ARG]     ; last: it was the array
           syscall
           ret
