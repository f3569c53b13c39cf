"""How the bench and a peer talk: one command a line in, one JSON object a line out. Between two commands the peer sleeps
in a read, so that it costs the other side nothing."""
import json
import sys


def serve(commands, ready):
    """Answers `name argument` by commands[name](argument) until the input ends."""
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries print must not mix with the answers

    def answer(value):
        out.write(json.dumps(value) + "\n")
        out.flush()

    answer(ready)
    for line in sys.stdin:
        name, _, argument = line.strip().partition(" ")
        answer(commands[name](argument))
