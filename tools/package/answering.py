"""The program that `checking` runs where nothing but the package can be imported.

It loads the app of the first folder with Azure's runtime, asks for one prediction, and prints JSON: status
and label of the answer, the app's revision, whether TensorFlow can be imported, and which modules came from
anywhere but that folder and the second, in which is what Azure supplies.
"""

import asyncio
import importlib.util
import json
import logging
import sys
import sysconfig
from pathlib import Path

from tools.local_host.worker import Request, Worker


async def _answer(app: Path, platform: Path) -> dict[str, object]:
    async with await Worker.start(app) as worker:
        # Not before: the drawing needs packages, and they have to be the app's.
        from tools.radiographs import draw, jpeg

        body = jpeg(draw(640, 560))
        request = Request(
            "POST", headers={"content-type": "image/jpeg"}, query={"force": "true"}, body=body
        )
        response = await worker.invoke("predict", request)
        health = await worker.invoke("health", Request())
    answer = response.json()
    if response.status != 200:
        raise SystemExit(f"The first call was answered with {response.status}: {response.text}")
    return {
        "status": response.status,
        "label": answer["prediction"]["label"],
        "version": answer["model"]["version"],
        "revision": health.json()["revision"],
        "tensorflow": importlib.util.find_spec("tensorflow") is not None,
        "outside": _outside(app, platform),
    }


def _outside(*allowed: Path) -> list[str]:
    """Loaded modules whose file is neither the standard library's nor in these folders."""
    folders = (*allowed, Path(sysconfig.get_path("stdlib")))
    return sorted(
        name
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None))
        and not any(Path(file).is_relative_to(folder) for folder in folders)
        and name != "__main__"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)  # an answer says nothing of the inside, the log does
    print(json.dumps(asyncio.run(_answer(*map(Path, sys.argv[1:])))))
