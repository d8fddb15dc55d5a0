#include "exchange/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ls_services_add(struct ls_services *s, const struct ls_service_at *service)
{
    if (s->count == LS_SERVICES)
        return -ENOSPC;
    struct ls_service_at *new = &s->all[s->count];
    *new = *service;
    new->address = strdup(service->address);
    new->where = strdup(service->where);
    if (new->address &&new->where) {
        s->count++;
        return 0;
    }
    free(new->address);
    free(new->where);
    return -ENOMEM;
}

void ls_services_free(struct ls_services *s)
{
    while (s->count > 0) {
        s->count--;
        free(s->all[s->count].address);
        free(s->all[s->count].where);
    }
}
