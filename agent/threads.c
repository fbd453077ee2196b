#include "threads.h"

#include <pthread.h>
#include <stdio.h>

#define STACK_BYTES (512 * 1024)

int thread_start(const char *name, void *(*run)(void *), void *arg)
{
    char title[16]; /* what the kernel takes */
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attributes, run, arg);
    pthread_attr_destroy(&attributes);
    if (rc != 0)
        return -1;
    snprintf(title, sizeof(title), "%s", name);
    pthread_setname_np(thread, title);
    return 0;
}
