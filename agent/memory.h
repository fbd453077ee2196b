/* What the agent keeps of the machine's memory while it has nothing to do. */
#ifndef AGENT_MEMORY_H
#define AGENT_MEMORY_H

/* Gives back what a burst of work has left behind in the heap and, the first time, the pages of
 * code that only the start has run: they stay in the page cache and are mapped again at need. Any
 * thread's, cheap (well below a millisecond), meant for when there has been nothing to do for a
 * while. */
void memory_give_back(void);

#endif
