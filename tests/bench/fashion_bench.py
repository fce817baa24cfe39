#!/usr/bin/python3
"""fashion_bench.py BINARIES [--rounds=N] [--quick] [--only=TEXT]: Fashion-MNIST, end to end.

accuracy  784-512-256-10 (535,818 parameters) through the command line, on the test images.
speed     rows a second of 784-128-10, batch 128, Adam: ours from the first byte sent to the last
          reply of one Fit of 10 epochs, the images sent once as UINT8, over scikit-learn's
          MLPClassifier on the same images in memory. Both may use all cores and the same kernels of
          OpenBLAS, the server's choice; one after the other, in pairs.
--quick runs both on a thousand images, to see that they run.
"""

import gzip
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
LEARN = ["train-images-idx3-ubyte.gz", "--label-file", "train-labels-idx1-ubyte.gz"]
TEST = ["t10k-images-idx3-ubyte.gz", "--label-file", "t10k-labels-idx1-ubyte.gz"]
BINARIES = pathlib.Path(sys.argv[1]).resolve()
OPTIONS = dict((word.lstrip("-").split("=", 1) + [""])[:2] for word in sys.argv[2:])
QUICK = "quick" in OPTIONS
ROUNDS = 1 if QUICK else int(OPTIONS.get("rounds", 9))
ROWS, EPOCHS, PEER_EPOCHS, BATCH = 1_000 if QUICK else 60_000, 10, 2, 128
ACCURACY_EPOCHS = 2 if QUICK else 20
WANTED_ACCURACY, WANTED_SPEED = 0.9, 2.5


class Server:
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [BINARIES / "chainrule-server", "--listen=127.0.0.1:0", "--http_listen=none"],
            cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = re.search(r"grpc=(\S+)", self.process.stdout.readline())[1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def blas_core(self):
        return self.chainrule("info")["numerics"]["blas_core"]

    def chainrule(self, *words):
        done = subprocess.run(
            [BINARIES / "chainrule", f"--server={self.address}", "--output=json", *map(str, words)],
            cwd=FOLDER, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(done.stdout)

    def train(self, name, hidden, epochs, *flags):
        """Creates and trains a network; returns the seconds that the training took."""
        self.chainrule("create", name, "--from", *LEARN, "--hidden", hidden, "--activation", "relu",
                       "--optimizer", "adam", *flags)
        start = time.monotonic()
        self.chainrule("train", name, *LEARN, "--normalize", "--epochs", epochs,
                       "--batch-size", BATCH, "--limit", ROWS)
        return time.monotonic() - start


def accuracy(server):
    steps = ACCURACY_EPOCHS * -(-ROWS // BATCH)
    server.train("accuracy", "512,256", ACCURACY_EPOCHS, "--dropout", 0.25,
                 "--schedule", "cosine", "--schedule-period", steps)
    figure = server.chainrule("evaluate", "accuracy", *TEST)["metrics"]["accuracy"]
    print(f"fashion accuracy   784-512-256-10, {ACCURACY_EPOCHS} epochs: {figure:.4f}"
          f"   (wanted {WANTED_ACCURACY:.3f})")
    return QUICK or figure >= WANTED_ACCURACY


def read(name, header, shape):
    import numpy  # pylint: disable=import-outside-toplevel  # see main
    with gzip.open(FOLDER / name) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=header).reshape(shape)[:ROWS]


def peer_rows_per_second(images, labels):
    from sklearn.neural_network import MLPClassifier  # pylint: disable=import-outside-toplevel
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few epochs do not converge
        peer = MLPClassifier((128,), solver="adam", batch_size=BATCH, max_iter=PEER_EPOCHS)
        start = time.monotonic()
        peer.fit(images, labels)
        return PEER_EPOCHS * len(images) / (time.monotonic() - start)


def speed(server):
    images = (read(LEARN[0], 16, (-1, 784)) / 255).astype("float32")
    labels = read(LEARN[2], 8, (-1,))
    pairs = []
    for number in range(ROUNDS):
        ours = EPOCHS * ROWS / server.train(f"speed-{number}", "128", EPOCHS)
        pairs.append((ours, peer_rows_per_second(images, labels)))
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(f"fashion speed      784-128-10, batch 128, Adam: ours "
          f"{statistics.median(pair[0] for pair in pairs):,.0f} rows/s, scikit-learn's "
          f"{statistics.median(pair[1] for pair in pairs):,.0f}: "
          f"{statistics.median(ratios):.2f} [{low:.2f}, {high:.2f}] of {ROUNDS} pairs"
          f"   (wanted {WANTED_SPEED:.2f})")
    return QUICK or statistics.median(ratios) >= WANTED_SPEED


def main():
    with Server() as server:
        # For NumPy's OpenBLAS, which reads it when it is loaded.
        os.environ.setdefault("OPENBLAS_CORETYPE", server.blas_core())
        short = []
        for name, benchmark in {"fashion speed": speed, "fashion accuracy": accuracy}.items():
            if OPTIONS.get("only", "") in name and not benchmark(server):
                short.append(name)
    if short:
        sys.exit("short: " + ", ".join(short))


if __name__ == "__main__":
    main()
