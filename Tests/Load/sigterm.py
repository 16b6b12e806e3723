"""SIGTERM in the middle of load, again and again: every accepted request has its answer, and the program ends with 0."""

import time

from common import Figures, Server, finish_load, options, start_load

arguments = options(
    __doc__, seconds=3, times=dict(type=int, default=20), clients=dict(type=int, default=32),
    limit=dict(type=float, default=30.0, help="seconds that the end may take"))
figures = Figures(arguments)
statuses, slowest, outcomes = [], 0.0, {}
for turn in range(arguments.times):
    # Room for all: a refusal for overload would be an answer, but none to an accepted request.
    with Server(arguments, "--drain-timeout", arguments.limit, "--queue", arguments.clients) as server:
        process = start_load(arguments, server.url, "--closed", arguments.clients, "--duration", arguments.seconds + 1, "--timeout", 60)
        # At another moment of a batch each time.
        time.sleep(arguments.seconds * (0.5 + 0.5 * turn / arguments.times))
        started = time.monotonic()
        statuses.append(server.stop())
        slowest = max(slowest, time.monotonic() - started)
    for name, row in finish_load(process)["outcomes"].items():
        outcomes[name] = outcomes.get(name, 0) + row["count"]
# Once the socket is closed nobody is accepted any more: refused connections, and 503 on a connection that was still open.
fine = {"200", "503", "connection refused"}
figures.note(f"{arguments.times} times, {arguments.clients} clients in a loop; outcomes {outcomes}")
figures.at_most("requests that were accepted and not answered", sum(n for k, n in outcomes.items() if k not in fine), 0)
figures.at_most("exit statuses that are not 0", sum(s != 0 for s in statuses), 0)
figures.at_most("the longest end", slowest, arguments.limit, "s")
figures.exit()
