/* While a request waits for the database, libh2o takes its connection off the poller and puts it
 * back on for the answer: two system calls a request. Parking leaves it on instead, watched but
 * unread, since the request's own bytes are in the input buffer that a read could move. */
#ifndef CARA_SERVER_PARKING_H
#define CARA_SERVER_PARKING_H

#include <h2o.h>

/* Right after the request was taken. */
void parking_enter(h2o_req_t *req);

/* Right before it is answered. */
void parking_leave(h2o_req_t *req);

#endif
