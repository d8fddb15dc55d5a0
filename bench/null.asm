; null: the least that a fork-per-client HTTP server can do, as the benchmark's yardstick.
;
;   null PORT [close]     listens on 127.0.0.1:PORT
;
; Each client gets a process that answers every read with the same 200, until the client leaves;
; with "close" it answers once and exits. It parses nothing. Pure syscalls, no C library.
;
; Build:  nasm -f elf64 -w+all -w+error -Iasm/ -o null.o bench/null.asm
;         ld -z noexecstack -o null null.o
;
; Registers throughout: r12 listener, r13 client, r14 answer, r15 its length, rbp "close" or 0.

default rel
%include "nr.inc"

AF_INET          equ 2
SOCK_STREAM      equ 1
SOL_SOCKET       equ 1
SO_REUSEADDR     equ 2
SIGCHLD          equ 17
SIG_IGN          equ 1
BACKLOG          equ 4096
SIGSET_SIZE      equ 8
EINTR            equ 4
ECONNABORTED     equ 103
ROOM             equ 8192               ; bytes of a request that are read at once
LOOPBACK         equ 0x0100007F         ; 127.0.0.1 in network byte order
BASE             equ 10
EX_USAGE         equ 64
EX_UNAVAILABLE   equ 69

%define CRLF 13, 10

section .rodata

keep_alive:      db "HTTP/1.1 200 OK", CRLF
                 db "Content-Type: text/html", CRLF
                 db "Content-Length: 22", CRLF, CRLF
                 db "<h1>Hello, World!</h1>"
KEEP_ALIVE_LEN   equ $ - keep_alive

closing:         db "HTTP/1.1 200 OK", CRLF
                 db "Content-Type: text/html", CRLF
                 db "Content-Length: 22", CRLF
                 db "Connection: close", CRLF, CRLF
                 db "<h1>Hello, World!</h1>"
CLOSING_LEN      equ $ - closing

one:             dd 1

section .data

address:         dw AF_INET
.port:           dw 0
                 dd LOOPBACK
                 dq 0
ADDRESS_LEN      equ $ - address

                 align 8
ignore:          dq SIG_IGN, 0, 0, 0    ; struct sigaction of the kernel: handler, flags, restorer, mask

section .bss

request:         resb ROOM

section .text

; SYS name: the syscall, its arguments in place. rax: result; rcx and r11 clobbered.
%macro SYS 1
           mov     eax, NR_%1
           syscall
%endmacro

; FAILED label: to label when the last syscall failed.
%macro FAILED 1
           test    rax, rax
           js      %1
%endmacro

global _start
_start:
           cmp     qword [rsp], 2       ; if (argc < 2) usage
           jb      usage
           mov     rsi, [rsp + 16]      ; port = decimal(argv[1])
           call    decimal
           test    eax, eax
           jz      usage
           rol     ax, 8                ; htons
           mov     [address.port], ax
           lea     r14, [keep_alive]
           mov     r15d, KEEP_ALIVE_LEN
           xor     ebp, ebp
           cmp     qword [rsp], 3       ; argv[2], by its first letter
           jb      .listen
           mov     rsi, [rsp + 24]
           cmp     byte [rsi], 'c'
           jne     usage
           lea     r14, [closing]
           mov     r15d, CLOSING_LEN
           inc     ebp
.listen:
           mov     edi, AF_INET         ; r12 = socket(AF_INET, SOCK_STREAM, 0)
           mov     esi, SOCK_STREAM
           xor     edx, edx
           SYS     socket
           FAILED  unavailable
           mov     r12d, eax
           mov     edi, r12d            ; setsockopt(r12, SOL_SOCKET, SO_REUSEADDR, &one, 4)
           mov     esi, SOL_SOCKET
           mov     edx, SO_REUSEADDR
           lea     r10, [one]
           mov     r8d, 4
           SYS     setsockopt
           mov     edi, r12d            ; bind(r12, &address, 16)
           lea     rsi, [address]
           mov     edx, ADDRESS_LEN
           SYS     bind
           FAILED  unavailable
           mov     edi, r12d            ; listen(r12, BACKLOG)
           mov     esi, BACKLOG
           SYS     listen
           FAILED  unavailable
           mov     edi, SIGCHLD         ; sigaction(SIGCHLD, SIG_IGN): nobody to be reaped
           lea     rsi, [ignore]
           xor     edx, edx
           mov     r10d, SIGSET_SIZE
           SYS     rt_sigaction
           FAILED  unavailable

supervisor:
           mov     edi, r12d            ; r13 = accept4(r12, NULL, NULL, 0)
           xor     esi, esi
           xor     edx, edx
           xor     r10d, r10d
           SYS     accept4
           cmp     rax, -EINTR
           je      supervisor
           cmp     rax, -ECONNABORTED
           je      supervisor
           FAILED  unavailable
           mov     r13d, eax
           mov     edi, SIGCHLD         ; fork: clone(SIGCHLD, 0, 0, 0, 0)
           xor     esi, esi
           xor     edx, edx
           xor     r10d, r10d
           xor     r8d, r8d
           SYS     clone
           test    rax, rax
           jz      worker
           mov     edi, r13d            ; close(r13), also when there is no child
           SYS     close
           jmp     supervisor

worker:
           mov     edi, r12d            ; close(r12)
           SYS     close
.request:
           mov     edi, r13d            ; read(r13, request, ROOM)
           lea     rsi, [request]
           mov     edx, ROOM
           SYS     read
           test    rax, rax             ; until the client leaves
           jle     .end
           mov     edi, r13d            ; write(r13, r14, r15)
           mov     rsi, r14
           mov     rdx, r15
           SYS     write
           test    rax, rax
           js      .end
           test    ebp, ebp
           jz      .request
.end:
           xor     edi, edi
           SYS     exit_group

usage:
           mov     edi, EX_USAGE
           SYS     exit_group

unavailable:
           mov     edi, EX_UNAVAILABLE
           SYS     exit_group

; in: rsi text; out: eax its number, 0 if it is none up to 65535; clobbered: rcx, rsi
decimal:
           xor     eax, eax
.digit:
           movzx   ecx, byte [rsi]
           test    ecx, ecx
           jz      .end
           sub     ecx, '0'
           cmp     ecx, BASE
           jae     .bad
           imul    eax, eax, BASE
           add     eax, ecx
           cmp     eax, 0xFFFF
           ja      .bad
           inc     rsi
           jmp     .digit
.bad:
           xor     eax, eax
.end:
           ret
