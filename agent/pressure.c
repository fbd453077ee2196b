#include "pressure.h"

#include "facts.h"

#include <sys/statvfs.h>

void pressure_look(const char *data_root, Headroom *ret)
{
    Headroom out = { 0 };
    struct statvfs disk;

    if (data_root[0] != '\0' && statvfs(data_root, &disk) == 0) {
        out.disk_free = (int64_t)(disk.f_bavail * disk.f_frsize);
        /* without what is root's alone, as df counts it */
        out.disk_total = (int64_t)((disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize);
    }
    facts_read_memory(&out.memory_free, &out.memory_total);
    *ret = out;
}

static bool is_short(int64_t left, int64_t total, int percent, int64_t bytes)
{
    return total > 0 && (left < total / 100 * percent || left < bytes);
}

Pressure pressure_judge(Pressure before, const Headroom *headroom)
{
    return (Pressure){
        .disk = is_short(headroom->disk_free, headroom->disk_total,
                         before.disk ? DISK_ENOUGH_PERCENT : DISK_LOW_PERCENT,
                         before.disk ? DISK_ENOUGH_BYTES : DISK_LOW_BYTES),
        .memory = is_short(headroom->memory_free, headroom->memory_total,
                           before.memory ? MEMORY_ENOUGH_PERCENT : MEMORY_LOW_PERCENT, 0),
    };
}

bool pressure_same(Pressure a, Pressure b)
{
    return a.disk == b.disk && a.memory == b.memory;
}

json_t *pressure_json(Pressure pressure)
{
    json_t *out = json_array();

    if (pressure.disk)
        json_array_append_new(out, json_string("DiskPressure"));
    if (pressure.memory)
        json_array_append_new(out, json_string("MemoryPressure"));
    return out;
}
