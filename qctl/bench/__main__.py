"""Measure one area with one number of threads, and print the rows as one line of JSON."""

import json
import os
import sys

from qctl.bench.measure import measure_area


def main() -> None:
    """Read area, number of threads and cases from the command line."""
    area, n_threads, *cases = sys.argv[1:]
    answer = os.dup(1)
    os.dup2(2, 1)  # peers print

    def note(text: str) -> None:
        print(f"{area}: {text}", file=sys.stderr, flush=True)

    rows = measure_area(f"qctl.bench.{area}", int(n_threads), cases, note)
    os.write(answer, (json.dumps(rows) + "\n").encode())


if __name__ == "__main__":
    main()
