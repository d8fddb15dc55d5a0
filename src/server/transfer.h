/* One step of moving bytes between a socket and an engine, for any driver. */
#ifndef LS_SERVER_TRANSFER_H
#define LS_SERVER_TRANSFER_H

#include "exchange/engine.h"

/* One read. Bytes received (0: the end of input, the engine knows), or -errno. */
long ls_transfer_in(int fd, struct ls_engine *e);

/* One write, or one sendfile, of what waits. Bytes sent, or -errno; -EIO: the file has become
 * shorter than its head says, and the connection has to be cut. */
long ls_transfer_out(int fd, struct ls_engine *e);

#endif
