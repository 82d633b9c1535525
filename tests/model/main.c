/*
 * The model of memvip-proxy's replication: two memcached servers, two clients, one key, a proxy and
 * its successor, and one fault. Every interleaving is visited, and each is judged by
 *
 *   never lies              a read returns no value that an acknowledged write came after: one that
 *                           began when the write of that value had ended, and that was acknowledged
 *                           before the read began
 *   acknowledged survives   nor does it miss, unless a delete (or an eviction) may explain that
 *   converges               left to itself, every state gets to where both servers are current, all
 *                           is quiet, and their copies are equal and as new as they must be
 *
 * What is modelled as it is: each key's connection to a server is one queue, executed and answered
 * in order; markers travel on another connection, in no order with it; what a closed connection held
 * is executed later or dropped, at any time, by a server that is not frozen; a proxy that dies has
 * sent any part of what it was about to send. Clients set, add, delete and get; reads are hedged. In
 * worlds of their own clients gets and cas, or flush_all.
 *
 * What is not:
 *   - Time. Whatever a timer starts may happen at any time or never, silence only of a server that
 *     is frozen or cut off. A lease lives: takeover within its ten seconds, a server alone is believed.
 *   - A server that is cut off receives but does not answer; one that is frozen answers what it had
 *     executed but executes nothing. Shorter stalls than the timeout are among both.
 *   - Connecting, the fence's listing, reading a marker, our own flush_all: each one step.
 *   - Values are the number of the write. Ways in which the two copies may part are reduced to one:
 *     an eviction before an add. Exptimes, a delayed flush_all, farms: not here.
 *   - A cas unique is a small counter of each server, which a restart begins anew.
 *   - One key, so a dirty list is one bit and a listing has one line. It is the primary's.
 *   - One proxy at most follows another (or starts beside it), each with the one same name.
 *   - Two clients are alike; a world with the two exchanged is the same world.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

/* States, of some 200 bytes each: what is not explored with so many is not shown to hold. */
#define LIMIT 3500000

enum { EXIT_HOLDS, EXIT_VIOLATED, EXIT_USAGE, EXIT_TOO_BIG };

#define STALLS (FAULT_FREEZE | FAULT_CUT)

/*
 * The small ones first: without a part of the design the first violation is soon found. A handover is
 * no fault; two faults are here where the design answers for both.
 */
static const struct scenario scenarios[] = {
    {.name = "no fault", .writes = 3},
    {.name = "an orderly handover", .proxy_faults = FAULT_ENDS, .writes = 2},
    {.name = "the proxy dies while the primary is out",
     .proxy_faults = FAULT_PROXY_DIES,
     .writes = 1,
     .stale = 1},
    {.name = "a server's connections are reset", .server_faults = FAULT_RESET, .writes = 2},
    {.name = "the proxy dies", .proxy_faults = FAULT_PROXY_DIES, .writes = 2},
    {.name = "the proxy and the primary die", .proxy_faults = FAULT_NODE_DIES, .writes = 2},
    {.name = "two proxies at once", .proxy_faults = FAULT_TWO, .writes = 2},
    {.name = "a server stalls, an orderly handover",
     .server_faults = STALLS,
     .proxy_faults = FAULT_ENDS,
     .writes = 1},
    {.name = "a server dies, an orderly handover",
     .server_faults = FAULT_DIE,
     .proxy_faults = FAULT_ENDS,
     .writes = 1},
    {.name = "eviction, connections are reset",
     .server_faults = FAULT_RESET,
     .writes = 1,
     .evicts = 1},
    {.name = "eviction, the proxy dies",
     .proxy_faults = FAULT_PROXY_DIES,
     .writes = 1,
     .evicts = 1},
    {.name = "a server dies and is started again", .server_faults = FAULT_DIE, .writes = 2},
    {.name = "a server freezes", .server_faults = FAULT_FREEZE, .writes = 2},
    {.name = "a server is cut off and healed", .server_faults = FAULT_CUT, .writes = 2},
    {.name = "connections are reset, the proxy dies",
     .server_faults = FAULT_RESET,
     .proxy_faults = FAULT_PROXY_DIES,
     .writes = 1},
    {.name = "eviction, a server dies", .server_faults = FAULT_DIE, .writes = 1, .evicts = 1},
    {.name = "eviction, a server freezes", .server_faults = FAULT_FREEZE, .writes = 1, .evicts = 1},
    {.name = "a server dies, the proxy dies",
     .server_faults = FAULT_DIE,
     .proxy_faults = FAULT_PROXY_DIES,
     .writes = 1},
    {.name = "a server freezes, the proxy dies",
     .server_faults = FAULT_FREEZE,
     .proxy_faults = FAULT_PROXY_DIES,
     .writes = 1},
    {.name = "connections are reset, two proxies at once",
     .server_faults = FAULT_RESET,
     .proxy_faults = FAULT_TWO,
     .writes = 1},
    {.name = "cas, no fault", .writes = 2, .cas = 1},
    {.name = "cas, an orderly handover", .proxy_faults = FAULT_ENDS, .writes = 2, .cas = 1},
    {.name = "cas, connections are reset", .server_faults = FAULT_RESET, .writes = 2, .cas = 1},
    {.name = "cas, a server dies", .server_faults = FAULT_DIE, .writes = 2, .cas = 1},
    {.name = "cas, a server freezes", .server_faults = FAULT_FREEZE, .writes = 2, .cas = 1},
    {.name = "cas, the proxy dies", .proxy_faults = FAULT_PROXY_DIES, .writes = 2, .cas = 1},
    {.name = "cas, two proxies at once", .proxy_faults = FAULT_TWO, .writes = 2, .cas = 1},
    {.name = "flush_all, no fault", .writes = 3, .flushes = 1},
    {.name = "flush_all, connections are reset",
     .server_faults = FAULT_RESET,
     .writes = 2,
     .flushes = 1},
    {.name = "flush_all, a server dies", .server_faults = FAULT_DIE, .writes = 2, .flushes = 1},
    {.name = "flush_all, a server freezes",
     .server_faults = FAULT_FREEZE,
     .writes = 2,
     .flushes = 1},
    {.name = "flush_all, the proxy dies",
     .proxy_faults = FAULT_PROXY_DIES,
     .writes = 2,
     .flushes = 1},
};
#define N_SCENARIOS (sizeof scenarios / sizeof *scenarios)

static const struct {
	enum mutation mutation;
	const char *name, *text;
} mutations[] = {
    {NO_FENCE, "fence", "starts on a server while old connections still hold commands"},
    {IGNORE_OPEN, "open", "takes equal markers for clean ones"},
    {NO_DIRTY_DELETE, "dirty-delete", "does not delete the dirty keys before they are copied"},
    {NO_CANCEL, "cancel", "a client's write does not cancel the copy that is in flight"},
    {EARLY_ACK, "raise", "acknowledges before the survivor's marker is raised"},
    {EARLY_RETURN, "raise-first", "takes a server back before the survivor's marker is raised"},
    {BLIND_MARKER, "marker-cas", "writes a marker over whatever is there"},
    {FORGET_PORTS, "ports", "does not know the ports of the session before"},
    {IGNORE_SET, "set", "believes a marker that does not name its own server as current"},
    {EARLY_REPAIR_ACK, "repair-ack", "acknowledges before the repair has ended"},
    {REPAIR_DELETES, "repair-over", "deletes a current follower's item before it is copied again"},
    {DIRTY_UNANSWERED, "dirty-all", "takes a write for done on a lost server that had answered it"},
    {KEEP_EPOCH, "claim-epoch", "a start that gives up a server which it claimed keeps its epoch"},
    {ANY_TOKEN, "token", "believes a cas token whichever server gave it, and when"},
    {CAS_STANDS_IN, "cas-leader", "the follower stands in for the leader of a cas that is lost"},
    {NO_HOLD, "cas-hold", "commands pass a cas that is under way"},
    {NO_BARRIER, "barrier", "flush_all does not wait until all is quiet, nor do others for it"},
    {FLUSH_FORGETS, "flush-away",
     "a server that missed a flush_all is taken back by its dirty list"},
    {FLUSH_COPIES, "flush-copies", "begins to fill a server while a flush_all is under way"},
    {FLUSH_UNMARKED, "flush-marker", "acknowledges a flush_all before the new markers are there"},
    {KEEP_COPY, "copy-id", "takes the answer of a copy that was given up for that of the next"},
};
#define N_MUTATIONS (sizeof mutations / sizeof *mutations)

static int
usage(void)
{
	fputs("usage: model             every scenario, with the design as it is\n"
	      "       model -w PART     the same without a part, up to the first violation:\n",
	      stderr);
	for (size_t i = 0; i < N_MUTATIONS; i++)
		fprintf(stderr, "%20s     %s\n", mutations[i].name, mutations[i].text);
	return EXIT_USAGE;
}

static int
explore(const struct scenario *scenario, unsigned without)
{
	struct explore_figures figures;
	struct world start;
	enum explore_result result;

	model_start(&start, scenario, without);
	result = explore_run(&model, &start, LIMIT, &figures);
	printf("%-44s %8zu states %9zu steps, depth %zu: %s\n", scenario->name, figures.states,
	       figures.steps, figures.depth,
	       result == EXPLORE_HOLDS	    ? "holds"
	       : result == EXPLORE_VIOLATED ? "VIOLATED"
					    : "too big");
	fflush(stdout);
	return result == EXPLORE_HOLDS	    ? EXIT_HOLDS
	       : result == EXPLORE_VIOLATED ? EXIT_VIOLATED
					    : EXIT_TOO_BIG;
}

int
main(int argc, char **argv)
{
	unsigned without = 0;
	int status;

	if (argc == 3 && strcmp(argv[1], "-w") == 0)
		for (size_t i = 0; i < N_MUTATIONS; i++)
			if (strcmp(argv[2], mutations[i].name) == 0)
				without = mutations[i].mutation;
	if (argc != 1 && without == 0)
		return usage();
	for (size_t i = 0; i < N_SCENARIOS; i++)
		if ((status = explore(&scenarios[i], without)) != EXIT_HOLDS)
			return status;
	return EXIT_HOLDS;
}
