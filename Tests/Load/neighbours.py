"""Broken images in a batch: their neighbours' answers are, bit for bit, those of an unbatched run."""

import collections
import json
import threading

from common import Client, Figures, Server, options, photographs

arguments = options(__doc__, seconds=10, clients=dict(type=int, default=16), limit=dict(type=int, default=40, help="photographs used"))
figures = Figures(arguments)
images = photographs(arguments)[: arguments.limit]
broken = [image[: len(image) // 2] for image in images[:8]] + [b"\xff\xd8\xff" + bytes(500), b"no image at all"]


def form(parts):
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="image"; filename="i"\r\n\r\n' + part + b"\r\n" for part in parts)
    return body + b"--b--\r\n", ["Content-Type: multipart/form-data; boundary=b"]


def bits(answer):
    """The scores as they were printed, in the fewest digits that give their bits back."""
    return json.dumps(answer["predictions"])


differing, sizes, errors, lock = [], collections.Counter(), collections.Counter(), threading.Lock()
# More images wait at a time than a second clears of a large network: none is to be refused.
with Server(arguments, "--queue", 1000) as server:
    client = Client(server.port)
    lone = [json.loads(client.request("POST", "/classify?top=200", image)[1]) for image in images]
    assert all(answer["batch_size"] == 1 for answer in lone)
    alone = [bits(answer) for answer in lone]

    def ask(number):
        """A broken image alone, then one between two photographs in a request, in turns."""
        client = Client(server.port)
        for turn in range(number, number + len(images)):
            bad = broken[turn % len(broken)]
            client.request("POST", "/classify", bad)
            first, second = turn % len(images), (turn * 7 + 3) % len(images)
            body, headers = form([images[first], bad, images[second]])
            status, text = client.request("POST", "/classify?top=200", body, headers)
            results = json.loads(text).get("results") if status == 200 else None
            with lock:
                if results is None:
                    differing.append((status, text))
                    continue
                errors[results[1].get("error", {}).get("code", "answered")] += 1
                for index, result in [(first, results[0]), (second, results[2])]:
                    sizes[result.get("batch_size", 0)] += 1
                    if "predictions" not in result or bits(result) != alone[index]:
                        differing.append((index, result))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
figures.note(f"{sum(sizes.values())} answers beside broken images ({dict(errors)}); batch sizes {dict(sorted(sizes.items()))}")
figures.at_most("answers that differ from the unbatched run", len(differing), 0)
figures.at_least("answers out of a batch", sum(n for size, n in sizes.items() if size > 1), 1)
figures.at_most("broken images that were answered", errors["answered"], 0)
figures.exit()
