"""Run the laws and the speed on a GPU: ``python -m benchmarks.cuda``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.cuda import laws, speed
from sb3_prune.files import write_text

RESULT = Path("benchmarks/results/cuda.json")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print two tables, and save them if they were measured on a GPU.

    Args:
        arguments: Command-line arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device", default="cuda", help="cpu runs a short form that is not saved"
    )
    device = torch.device(parser.parse_args(arguments).device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("There is no GPU here: nothing was measured, nothing written.")
        return
    short = device.type != "cuda"
    name = device.type if short else torch.cuda.get_device_name(device)
    began = time.perf_counter()
    tables = [laws.run(device, short), speed.run(device, short)]
    seconds = time.perf_counter() - began
    print(f"# {name}, torch {torch.__version__}, {seconds:.0f} s\n")
    print("\n".join(table.markdown() for table in tables))
    if not short:
        kept = {"device": name, "torch": torch.__version__, "seconds": seconds}
        kept["tables"] = [asdict(table) for table in tables]
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        write_text(RESULT, json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
