/* What an image id is called in its registry. Asked once an image, for all threads. */
#ifndef AGENT_IMAGES_H
#define AGENT_IMAGES_H

#include "docker.h"

/* Replaces an image id by the digest its registry knows it under; leaves it when there is none. */
void images_digest(Docker *docker, char **id);

#endif
