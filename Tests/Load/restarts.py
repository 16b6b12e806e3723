"""Two instances behind a load balancer, each restarted in turn under load: no request fails at the client. Needs haproxy or nginx."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from common import Figures, Server, capacity, finish_load, options, start_load

HAPROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch 1
    retries 3
frontend excite
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 250ms fall 1 rise 2
    server one 127.0.0.1:{one}
    server two 127.0.0.1:{two}
"""

# The open nginx has no health checks: it learns from connections that fail, and tries the other instance.
NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 16m;
    client_body_buffer_size 1m;
    upstream instances {{
        server 127.0.0.1:{one} max_fails=1 fail_timeout=1s;
        server 127.0.0.1:{two} max_fails=1 fail_timeout=1s;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://instances;
            # 503 is the answer of an instance that goes away: it has not begun the request.
            proxy_next_upstream error timeout http_503 non_idempotent;
        }}
    }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


arguments = options(
    __doc__, seconds=30, balancer=dict(choices=["haproxy", "nginx"], default="haproxy"), share=dict(type=float, default=0.4),
    times=dict(type=int, default=2, help="how often each instance is restarted"),
    drain_delay=dict(type=float, default=2.0, help="the instances' --drain-delay, in seconds"))
figures = Figures(arguments)
program = shutil.which(arguments.balancer, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or sys.exit(f"{arguments.balancer} is not installed")
# The machine's threads are shared out.
arguments.threads = max(1, arguments.threads // 2)
ports = dict(port=free_port(), one=free_port(), two=free_port())
with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
    file = pathlib.Path(folder) / "configuration"
    file.write_text({"haproxy": HAPROXY, "nginx": NGINX}[arguments.balancer].format(folder=folder, **ports))
    start = lambda name: Server(arguments, "--drain-delay", arguments.drain_delay, port=ports[name]).__enter__()
    instances = {name: start(name) for name in ["one", "two"]}
    stack.callback(lambda: [server.__exit__() for server in instances.values()])
    command = [program, "-db", "-f", file] if arguments.balancer == "haproxy" else [program, "-c", file]
    with (pathlib.Path(folder) / "log").open("w") as log:
        balancer = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    stack.callback(balancer.wait)
    stack.callback(balancer.terminate)
    while not listens(ports["port"]):
        if balancer.poll() is not None:
            sys.exit((pathlib.Path(folder) / "log").read_text())
        time.sleep(0.05)
    # haproxy has to have seen both.
    time.sleep(1)
    rate = capacity(arguments, instances["one"], min(10, arguments.seconds / 3)) * arguments.share
    # With room for all restarts, however long they take.
    process = start_load(arguments, f"http://127.0.0.1:{ports['port']}", "--rate", rate, "--duration", 3600)
    time.sleep(2)
    statuses = []
    for turn in range(arguments.times):
        for name in ["one", "two"]:
            time.sleep(arguments.seconds / (4 * arguments.times))
            statuses.append(instances[name].stop())
            instances[name].__exit__()
            time.sleep(arguments.seconds / (4 * arguments.times))
            instances[name] = start(name)
            # Before the other one goes, the balancer has to have seen this one.
            time.sleep(2)
    process.send_signal(2)
    report = finish_load(process)
outcomes = {k: v["count"] for k, v in report["outcomes"].items()}
figures.note(f"{arguments.balancer}; {rate:.1f}/s for {report['seconds']} s, {len(statuses)} restarts, --drain-delay {arguments.drain_delay:g}; outcomes {outcomes}")
figures.note(f"200: {report['outcomes']['200']['latency_ms']}")
figures.at_most("requests that failed at the client", sum(n for k, n in outcomes.items() if k != "200"), 0)
figures.at_most("exit statuses that are not 0", sum(s != 0 for s in statuses), 0)
figures.exit()
