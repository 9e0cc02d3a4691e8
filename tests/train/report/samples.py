"""Folders of runs, as recipes leave them, and such as nobody should."""

import dataclasses
import json
import math
import struct
import zlib

from rushlight import nn

HOSTILE = "<script>bad()</script>\"'&\u202e<img src=x onerror=bad()>"
ENVIRONMENT = {
    "rushlight": "0.1.0",
    "numpy": "2.4.1",
    "scipy": "1.17.0",
    "python": "3.11.7",
    "platform": "Linux x86_64",
    "kernels": "auto, avx512",
    "threads": 2,
}


def png(width=60, height=40):
    """Return a PNG: a ramp of grey."""

    def block(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    row = b"\0" + bytes(255 * x // width for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(row * height)
    return (
        b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", data) + block(b"IEND", b"")
    )


def model(deep=0):
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    layers += [nn.Sequential(nn.Linear(1568, 1568), nn.Tanh()) for _ in range(deep)]
    return nn.Sequential(*layers, nn.Linear(1568, 128), nn.ReLU(), nn.Dropout(0.25),
                         nn.Linear(128, 10), nn.LogSoftmax(dim=1))  # fmt: skip


def curve(epoch, start, end, speed, wobble=0.03):
    noise = wobble * (start - end) * math.sin(12.9 * epoch) * math.exp(-epoch * speed / 3)
    return end + (start - end) * math.exp(-epoch * speed) + noise


def records(count, names=("loss", "accuracy")):
    speed, found = 4 / max(count, 4), []
    for epoch in range(1, count + 1):
        record = {"epoch": epoch, "lr": 2e-3 * (1 + math.cos(math.pi * epoch / count)) / 2 + 1e-7}
        for name in names:
            ends = (0.78, 0.993, 0.989) if name == "accuracy" else (0.71, 0.03, 0.09)
            record[f"train_{name}"] = curve(epoch, ends[0], ends[1], speed)
            record[f"val_{name}"] = curve(epoch, ends[0], ends[2], 1.4 * speed)
        record["seconds"] = 1.25 + 0.1 * math.sin(epoch)
        found.append(record)
    return found


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def literal(value):
    return json.dumps(value, ensure_ascii=False)


def write_run(
    folder,
    *,
    recipe="mnist",
    count=12,
    names=("loss", "accuracy"),
    options=None,
    result=None,
    history=None,
    net=None,
    pictures=2,
):
    """Write a folder as a recipe leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {
        "epochs": count,
        "batch_size": 64,
        "optimizer": "adam",
        "lr": 0.002,
        "size": "medium",
        "activation": "relu",
        "schedule": "cosine",
        "warmup": 0.25,
        "augment": False,
        "seed": 0,
    } | (options or {})
    lines = [f"recipe = {literal(recipe)}", "", "[options]"]
    lines += [f"{key} = {literal(value)}" for key, value in given.items()]
    lines += ["", "[environment]", *(f"{k} = {literal(v)}" for k, v in ENVIRONMENT.items())]
    (folder / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    best = max(1, count - 2)
    rows = records(count, names)
    state = {
        "monitor": "val_accuracy",
        "best_epoch": best,
        "interrupted": False,
        "stopped": None,
        "switches": [],
    }
    write_json(folder / "history.json", {**state, **(history or {}), "epochs": rows})
    matrix = [[95 if i == j else (i + 2 * j) % 5 // 4 for j in range(10)] for i in range(10)]
    matrix[4][9], matrix[9][4] = 7, 12
    found = {
        "title": "MNIST: convolutional network",
        "test": {"accuracy": 0.9924, "loss": 0.02468},
        "best_epoch": best,
        "epochs": count,
        "seconds": 1.3 * count,
        "parameters": 206922,
        "seed": given["seed"],
        "train_samples": 55000,
        "test_samples": 10000,
        "confusion_matrix": matrix,
    } | (result or {})
    write_json(folder / "result.json", {k: v for k, v in found.items() if v is not None})
    told = []
    for number in range(1, pictures + 1):
        (folder / "pictures").mkdir(exist_ok=True)
        name = f"{number:02d}-mistakes.png"
        (folder / "pictures" / name).write_bytes(png(60 * number, 40))
        caption = "What the net was surest of, and wrong: true class, then the predicted one."
        told.append({"file": name, "title": f"Worst mistakes {number}", "caption": caption})
    if told:
        write_json(folder / "pictures" / "pictures.json", told)
    if net is not None:
        summary = net.summary((4, 1, 28, 28))
        write_json(folder / "summary.json", dataclasses.asdict(summary))
        (folder / "graph.svg").write_text(summary.to_svg(), encoding="utf-8")
    return folder


SWITCHES = [
    {"epoch": 4, "step": 2580, "what": "optimizer sgd, lr 0.01"},
    {"epoch": 5, "step": 3440, "what": "loss huber"},
    {"epoch": 11, "step": 8600, "what": "metric mae"},
]


def write_nasty(folder):
    """Write a folder in which every text is hostile."""
    write_run(
        folder,
        recipe=HOSTILE,
        names=("loss", HOSTILE),
        options={"activation": HOSTILE},
        result={
            "title": HOSTILE,
            "test": {HOSTILE: 0.5},
            "classes": [HOSTILE] * 10,
            HOSTILE: HOSTILE,
        },
        history={
            "stopped": HOSTILE,
            "switches": [{"epoch": 3, "step": 1, "what": HOSTILE}],
        },
        net=model(),
    )
    write_json(
        folder / "pictures" / "pictures.json",
        [
            {"file": "01-mistakes.png", "title": HOSTILE, "caption": HOSTILE},
            {"file": HOSTILE, "title": "none"},
            {"file": "../config.toml", "title": "outside"},
        ],
    )
    summary = json.loads((folder / "summary.json").read_text())
    summary["input"] = summary["rows"][1]["kind"] = summary["rows"][2]["output"] = HOSTILE
    summary["rows"][3]["note"] = HOSTILE
    write_json(folder / "summary.json", summary)
    (folder / "graph.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" onload="bad()" width="90" height="40">'
        "<script>bad()</script><style>body{display:none}</style>"
        '<foreignObject><p>x</p></foreignObject><a href="javascript:bad()"><text>a</text></a>'
        '<rect width="9" height="9" onclick="bad()" style="fill:url(http://x.org)"/>'
        '<text x="5" y="9">&lt;script&gt;bad()&lt;/script&gt;</text>'
        "</svg>",
        encoding="utf-8",
    )
    return folder
