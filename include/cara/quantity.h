/* Quantities of cpu and memory as manifests write them: "500m", "2", "1.5", "256Mi", "1e3". */
#ifndef CARA_QUANTITY_H
#define CARA_QUANTITY_H

#include "cara/err.h"

#include <stdint.h>

/* How much it is in units of 10^-scale (cpu: 3 gives millicores, 9 nanocores; memory: 0 gives
 * bytes), rounded up. The grammar is Kubernetes' as cara.quantity() has it in SQL, without a sign;
 * digits past the 18th significant one are rounded up. */
int quantity_parse(const char *text, int scale, int64_t *ret, Err *err);

#endif
