/* What the supervisor itself says to a client: for a worker that died, or that is out of time. */
#ifndef LS_SERVER_INCIDENT_H
#define LS_SERVER_INCIDENT_H

#include "server/server.h"

/* What the kernel knows of a client's connection, against what its worker had settled. */
struct ls_traffic {
    bool asked;            /* part of a request has come that was not answered */
    bool answered;         /* part of its answer has been sent */
    bool whole;            /* the worker was still at an answer, but all of it is out */
    bool counted;          /* the kernel says how much has been acknowledged: not on Unix sockets */
    uint64_t sent;         /* bytes of ours that the kernel has been given */
    uint64_t acknowledged; /* bytes of ours that the client's side has taken */
};

void ls_traffic_look(const struct luaserve *s, uint32_t client, struct ls_traffic *t);

/* The id of the request that the client's worker was at, or would have come to. */
void ls_incident_id(const struct luaserve *s, uint32_t client, char id[17]);

/* Sends a complete answer with `status` (400–599) and Connection: close, as far as the socket
 * takes it at once, and marks the client answered. `detail`: what the page says beside it; NULL. */
void ls_incident_answer(struct luaserve *s, uint32_t client, int status, const char *detail);

#endif
