/* Words that travel between the agent, the server and SQL. The rules about them live in SQL only;
 * tests/contract holds these lists against the database's. */
#ifndef CARA_NAMES_H
#define CARA_NAMES_H

/* cara.phase */
#define PHASE_PENDING     "Pending"
#define PHASE_SCHEDULED   "Scheduled"
#define PHASE_RUNNING     "Running"
#define PHASE_FAILED      "Failed"
#define PHASE_TERMINATING "Terminating"
#define PHASE_TERMINATED  "Terminated"

/* cara.report_reason: what an agent gives as the reason of a phase it reports */
#define REASON_CONTAINERS_RUNNING "ContainersRunning"
#define REASON_COMPLETED          "Completed"
#define REASON_CONTAINER_CRASHED  "ContainerCrashed"
#define REASON_CONTAINER_MISSING  "ContainerMissing"
#define REASON_CONTAINER_EXITED   "ContainerExited"
#define REASON_INSPECT_ERROR      "InspectError"
#define REASON_RECONCILE_ERROR    "ReconcileError"
#define REASON_IMAGE_PULL_ERROR   "ImagePullError"
#define REASON_UNHEALTHY          "Unhealthy"
#define REASON_UPDATE_FAILED      "UpdateFailed"
#define REASON_RESOURCES_REMOVED  "ResourcesRemoved"
#define REASON_REMOVE_ERROR       "RemoveError"

/* labels of every Docker object that is ours */
#define LABEL_PROJECT     "cara.project"
#define LABEL_SERVICE     "cara.service"
#define LABEL_VOLUME      "cara.volume"
#define LABEL_VOLUME_TYPE "cara.volume-type" /* only on a lasting one: VOLUME_LOCAL */
#define LABEL_UID         "cara.uid"   /* of the project: a re-created name is another project */
#define LABEL_EPOCH       "cara.epoch" /* of the assignment it was created under */
#define LABEL_GENERATION  "cara.generation" /* of the spec it was created from */
#define LABEL_CONFIG      "cara.config"     /* hash of all that would need a new container */

/* spec.volumes[].type of a volume whose data is bound to its node and outlives moves */
#define VOLUME_LOCAL "Local"

/* WebSocket subprotocol of exec between caractrl and an agent; agent/exec_words.h has its words */
#define EXEC_PROTOCOL "exec.v1.caravanserai"

/* Engine names: network cara-PROJECT, volume cara-PROJECT-VOLUME, container PROJECT-SERVICE, and
 * while it is to replace another PROJECT-SERVICE-next_ (no service name ends in `_`). */
#define NETWORK_PREFIX "cara-"
#define NEXT_SUFFIX    "-next_"

#endif
