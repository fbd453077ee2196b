#include "print.h"

bool print_data(const json_t *value, OutputFormat format, Buf *out)
{
    if (format == OUTPUT_JSON)
        print_json(value, out);
    else if (format == OUTPUT_YAML)
        print_yaml(value, out);
    return format == OUTPUT_JSON || format == OUTPUT_YAML;
}
