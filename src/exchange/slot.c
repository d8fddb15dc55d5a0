#include "exchange/slot.h"

#include <string.h>

void ls_slot_text(char *to, size_t size, struct ls_slice text)
{
    size_t len = text.len < size ? text.len : size - 1;
    memcpy(to, text.at, len);
    to[len] = '\0';
}

void ls_slot_describe(struct ls_slot *slot, struct ls_slice method, struct ls_slice target,
                      struct ls_slice head)
{
    ls_slot_text(slot->method, LS_SLOT_METHOD, method);
    ls_slot_text(slot->target, LS_SLOT_TARGET, target);
    slot->head_len = (uint32_t)(head.len < LS_SLOT_HEAD ? head.len : LS_SLOT_HEAD);
    memcpy(slot->head, head.at, slot->head_len);
}
