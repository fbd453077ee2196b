#include "parking.h"

/* The next request, or the end of the client's side: either waits until this one is answered. */
static void on_input(h2o_socket_t *sock, const char *error)
{
    (void)error;
    h2o_socket_read_stop(sock);
}

void parking_enter(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_input);
}

void parking_leave(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    h2o_socket_read_stop(sock);
    h2o_socket_dont_read(sock, 0);
}
