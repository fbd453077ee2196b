#include "bus.h"

#include "session.h"

#include "cara/mem.h"

struct Bus {
    Session *session;
    h2o_linklist_t subscribers;
};

static void wake_all(void *arg, int backend)
{
    Bus *bus = arg;
    h2o_linklist_t *node = bus->subscribers.next;

    while (node != &bus->subscribers) {
        h2o_linklist_t *next = node->next;
        BusSubscriber *subscriber = H2O_STRUCT_FROM_MEMBER(BusSubscriber, link, node);
        subscriber->wake(subscriber, backend);
        node = next;
    }
}

static void on_up(void *arg)
{
    wake_all(arg, 0);
}

static void on_down(void *arg)
{
    (void)arg; /* what is missed meanwhile is made up for by on_up */
}

static void on_answered(void *arg, PGresult *result)
{
    (void)arg;
    (void)result;
}

Bus *bus_new(h2o_loop_t *loop, Connector *connector, const char *role)
{
    Bus *bus = mem_alloc(sizeof(*bus));

    h2o_linklist_init_anchor(&bus->subscribers);
    bus->session = session_new(&(SessionOptions){
        .loop = loop,
        .connector = connector,
        .role = role,
        .listen = "LISTEN cara_bus",
        .up = on_up,
        .down = on_down,
        .notified = wake_all,
        .answered = on_answered,
        .arg = bus,
    });
    return bus;
}

void bus_free(Bus *bus)
{
    if (bus == NULL)
        return;
    session_free(bus->session);
    free(bus);
}

void bus_subscribe(Bus *bus, BusSubscriber *subscriber)
{
    subscriber->link = (h2o_linklist_t){ 0 };
    h2o_linklist_insert(&bus->subscribers, &subscriber->link);
}

void bus_unsubscribe(BusSubscriber *subscriber)
{
    h2o_linklist_unlink(&subscriber->link);
}
