; Byte order. A port goes over the wire high byte first; this machine keeps it low byte first.

           %include "abi.inc"

           section .text

; uint16_t ls_htons(uint16_t port), and ls_ntohs, the same the other way.
; in         di: port (the rest of rdi is undefined)
; out        eax: the port with its two bytes exchanged
; clobbered  rdi
%macro SWAP 1
           FUNCTION %1
           rol di, 8
           movzx eax, di
           ret
%endmacro

           SWAP ls_htons
           SWAP ls_ntohs
