"""Make the bundled MNIST sample from the four full idx files.

    python tools/make_mnist_sample.py FOLDER [OUT]

FOLDER holds the MNIST files, packed or not; OUT is the file to write (default: the one in the
package). Taken are the first 500 images of each class of the training set and the first 100 of
each class of the test set, shuffled by a fixed seed. The same input gives the same file.
"""

from __future__ import annotations

import argparse
import io
import pathlib
import zipfile

import numpy as np

from rushlight.data.mnist import read_mnist

OUT = pathlib.Path(__file__).parents[1] / "src/rushlight/data/samples/mnist_sample.npz"
PER_CLASS = {"train": 500, "test": 100}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, nargs="?", default=OUT)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for part, count in PER_CLASS.items():
            images, labels = read_mnist(options.folder, train=part == "train")
            chosen = np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)])
            chosen = np.random.Generator(np.random.PCG64(0)).permutation(chosen)
            for name, array in (("images", images[chosen]), ("labels", labels[chosen])):
                content = io.BytesIO()
                np.save(content, array.astype(np.uint8), allow_pickle=False)
                entry = zipfile.ZipInfo(f"{part}_{name}.npy")  # its date is fixed: 1980
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content.getvalue(), compresslevel=9)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
