/* The control thread: everything the agent and the control plane say to each other. */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "cara/err.h"
#include "deaths.h"
#include "engine.h"
#include "outbox.h"
#include "projects.h"
#include "settings.h"

typedef struct Control Control;

/* Wakes the thread, from anywhere. May be called before control_start(). */
void control_wake(void *control);

Control *control_new(const Settings *settings, Err *err);
int control_start(Control *control, Engine *engine, Outbox *outbox, Deaths *deaths,
                  Projects *projects, Ingress *ingress);

#endif
