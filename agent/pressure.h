/* What this machine runs short of, as the scheduler understands it: nothing new is placed on a node
 * under pressure. */
#ifndef AGENT_PRESSURE_H
#define AGENT_PRESSURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* There is pressure when less than this is left ... */
#define DISK_LOW_PERCENT   10
#define DISK_LOW_BYTES     ((int64_t)1 << 30)
#define MEMORY_LOW_PERCENT 5
/* ... and it is over only when so much is: a node at the edge would flap otherwise. */
#define DISK_ENOUGH_PERCENT   12
#define DISK_ENOUGH_BYTES     ((int64_t)5 << 28)
#define MEMORY_ENOUGH_PERCENT 8

typedef struct Pressure {
    bool disk;
    bool memory;
} Pressure;

/* What is left, and of how much. A total of 0 is not known and no shortage. */
typedef struct Headroom {
    int64_t disk_free;
    int64_t disk_total;
    int64_t memory_free;
    int64_t memory_total;
} Headroom;

/* data_root: where the engine keeps images and volumes, "" when it has not said. */
void pressure_look(const char *data_root, Headroom *ret);

/* What follows from it, `before` being how it was. */
Pressure pressure_judge(Pressure before, const Headroom *headroom);

bool pressure_same(Pressure a, Pressure b);

/* ["DiskPressure","MemoryPressure"] */
json_t *pressure_json(Pressure pressure);

#endif
