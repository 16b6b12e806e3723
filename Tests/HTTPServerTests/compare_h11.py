#!/usr/bin/env python3
"""Sends raw bytes, valid and broken, to a running server and holds what it makes of them against h11, a strict reader of RFC 9112.

    pip install h11; python3 compare_h11.py [HOST:]PORT [--streams 10000] [--seed 1]

Every stream goes over a connection of its own. All requests are probes (GET or HEAD of /livez): an answer 200 says that the server read
one. A stream of which the server reads more requests than h11, or fewer without a refusal, is a fault (exit status 1). Where the server
refuses what h11 reads it is the stricter one: the kinds of that are listed with an example each.
"""
import argparse, collections, contextlib, concurrent.futures, random, re, socket, sys
import h11

REFUSALS = {400, 413, 414, 431, 501, 505}


def draw(rng):
    """Some requests one after the other, some of them broken somewhere."""
    stream = b""
    for _ in range(rng.randint(1, 3)):
        rare = rng.random() < 0.3
        one = lambda usual, odd: rng.choice(odd) if rare and rng.random() < 0.3 else rng.choice(usual)
        method = one([b"GET", b"GET", b"HEAD"], [b"G(T", b"", b"G\0T"])
        target = one([b"/livez", b"/livez?x=1", b"/live%7a"], [b"/live z", b"livez", b"/livez?\x01", b"", b"/livez?\xc3\xa9"])
        version = one([b"HTTP/1.1"], [b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1.12", b""])
        lines = [method + one([b" "], [b"  ", b"\t"]) + target + one([b" "], [b"  ", b"\t"]) + version]
        lines.append(one([b"Host: a", b"host:a"], [b"Host : a", b"Host: a\r\nHost: b", b"X: y", b"Host: a\0"]))
        for _ in range(rng.randint(0, 3)):
            lines.append(one([b"A: b", b"X-Y:", b"a:\tb c\t", b"V: \xe9", b"Connection: keep-alive"],
                             [b" folded: x", b"\tx", b"no colon", b": x", b"a\0: b", b"a: \x7f", b"Connection: close", b"b\rc: d", b"e: f\ng: h", b"x@y: z"]))
        body = bytes(rng.randrange(256) for _ in range(rng.randint(0, 30)))
        kind = rng.randrange(4)
        if kind in (1, 2):
            lines.append(one([b"Content-Length: %d" % len(body)], [b"Content-Length: " + x for x in (b"+5", b"0x5", b"-1", b"5 5", b"", b"5 ", b"5,5", b"9" * 30)]))
            if rare and rng.random() < 0.3: lines.append(rng.choice([lines[-1], b"Transfer-Encoding: chunked"]))
        elif kind == 3:
            lines.append(one([b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked"], [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked ", b"Transfer-Encoding:\r\n chunked"]))
            body = one([b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n", b"3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n"],
                       [b"3 \r\nabc\r\n0\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n", b"3\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nT : u\r\n\r\n", b";\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n"])
        else: body = b""
        brk = one([b"\r\n"], [b"\n"])
        stream += one([b""], [b"\r\n", b"\n", b" "]) + brk.join(lines) + brk + brk + body
    stream = bytearray(stream)
    if rng.random() < 0.3:
        for _ in range(rng.randint(1, 2)):
            if not stream: break
            place = rng.randrange(len(stream))
            match rng.randrange(4):
                case 0: stream[place] = rng.randrange(256)
                case 1: del stream[place]
                case 2: stream.insert(place, rng.choice(b"\r\n :\0,;"))
                case 3: del stream[place:]
    return bytes(stream)


def by_h11(stream):
    """(requests read, refused, why)"""
    requests = 0
    while True:
        # Two things that RFC 9112 lets a server do, and h11 does not: empty lines before a request, and HTTP/1.0 that keeps its connection.
        for _ in range(4): stream = stream.removeprefix(b"\r\n")
        connection, keeps = h11.Connection(h11.SERVER, max_incomplete_event_size=32 << 10), True
        connection.receive_data(stream)
        try:
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed): return requests, False, ""
                if isinstance(event, h11.Request):
                    options = [o.strip().lower() for n, v in event.headers if n == b"connection" for o in v.split(b",")]
                    keeps = b"close" not in options and (event.http_version == b"1.1" or b"keep-alive" in options)
        except h11.RemoteProtocolError as error: return requests, True, str(error)
        requests += 1
        if not keeps: return requests, False, ""
        stream = connection.trailing_data[0]


def by_server(address, stream, rng):
    with socket.create_connection(address, timeout=20) as s:
        out = b""
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cuts = sorted(rng.sample(range(1, len(stream)), min(2, len(stream) - 1))) if len(stream) > 1 else []
        # The server may refuse, and close, before all is sent.
        with contextlib.suppress(OSError):
            for start, end in zip([0, *cuts], [*cuts, len(stream)]): s.sendall(stream[start:end])
            s.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while block := s.recv(65536): out += block
    statuses = [int(x) for x in re.findall(rb"HTTP/1\.1 (\d{3}) ", out)]
    refused = bool(statuses) and statuses[-1] in REFUSALS
    detail = out.rsplit(b"\r\n\r\n", 1)[-1].decode("utf8", "replace").strip() if refused else ""
    return sum(x == 200 for x in statuses), refused, detail


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("address"); ap.add_argument("--streams", type=int, default=10000); ap.add_argument("--seed", type=int, default=1); a = ap.parse_args()
    host, _, port = a.address.rpartition(":"); address = (host or "127.0.0.1", int(port))
    rng = random.Random(a.seed); streams = [draw(rng) for _ in range(a.streams)]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        seen = list(pool.map(lambda pair: by_server(address, pair[1], random.Random(pair[0])), enumerate(streams)))
    faults, stricter, refused_both, read_both, cut_off = [], collections.defaultdict(list), 0, 0, 0
    for stream, server in zip(streams, seen):
        reference = by_h11(stream)
        if server[:2] == reference[:2]: read_both += not server[1]; refused_both += server[1]
        elif server[1] and server[0] <= reference[0]: stricter[server[2]].append(stream)
        # h11 sees from half a line that it cannot become one; the server waits for its end, which does not come.
        elif reference[1] and server[0] == reference[0]: cut_off += 1
        else: faults.append((stream, server, reference))
    print(f"{len(streams)} streams: both read {read_both}, both refuse {refused_both}, ends in half a line that h11 refuses {cut_off}, only the server refuses {sum(map(len, stricter.values()))}, faults {len(faults)}")
    for why, examples in sorted(stricter.items(), key=lambda item: -len(item[1])): print(f"  stricter, {len(examples)}: {why!r}\n    {min(examples, key=len)!r}")
    for stream, server, reference in faults[:20]: print(f"  FAULT {stream!r}\n    server {server}\n    h11 {reference}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
