#!/usr/bin/python3
"""start_bench.py BINARIES [--rounds=N] [--models=N] [--quick]: how soon the server is READY.

Makes 1,000 small models (30-16-1) in a data folder, then starts the real program on it, again
and again, from exec to its READY line: after a clean stop, and after a SIGKILL with trainings
in the log. In the rounds after a clean stop the files of weights are not there: a server that
reads one before READY, or does not call the models SERVING, fails here.
--quick does so once, with a few models, to see that it runs."""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "python"))
import harness  # noqa: E402

BINARIES = pathlib.Path(sys.argv[1]).resolve()
OPTIONS = dict((word.lstrip("-").split("=", 1) + [""])[:2] for word in sys.argv[2:])
QUICK = "quick" in OPTIONS
ROUNDS = 1 if QUICK else int(OPTIONS.get("rounds", 9))
MODELS = int(OPTIONS.get("models", 20 if QUICK else 1000))
WIDTH = 30
CLASSES = tempfile.TemporaryDirectory()
harness.generate(CLASSES.name)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, tensor_pb2  # noqa: E402
from chainrule.v1 import training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402


class Started:
    """A server on the folder, and how long it took until READY."""

    def __init__(self, data):
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            [BINARIES / "chainrule-server", "--listen=127.0.0.1:0", "--http_listen=none",
             f"--data_dir={data}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.milliseconds = 1000 * (time.perf_counter() - begin)
        if not line.startswith("READY"):
            sys.exit("start_bench: the server did not start")
        self.channel = grpc.insecure_channel(line.split()[1].removeprefix("grpc="))

    def end(self, kill=False):
        self.channel.close()
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait()

    def health(self, name):
        """HealthCheckResponse's bytes."""
        service = f"chainrule.v1/models/{name}".encode()
        return self.channel.unary_unary(
            "/grpc.health.v1.Health/Check", request_serializer=bytes,
            response_deserializer=bytes)(b"\x0a" + bytes([len(service)]) + service)


def create_all(data):
    server = Started(data)
    stub = ModelServiceStub(server.channel)
    spec = model_pb2.ModelSpec(input_width=WIDTH, layers=[model_pb2.LayerSpec(units=16),
                                                          model_pb2.LayerSpec(units=1)])
    for number in range(MODELS):
        stub.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=f"m{number}", model=model_pb2.Model(spec=spec)))
    server.end()


def train_some(server):
    """A step of every tenth model."""
    stub = TrainingServiceStub(server.channel)
    examples = tensor_pb2.Examples(inputs=tensor_pb2.Tensor(shape=[1, WIDTH], values=[1.0] * WIDTH),
                                   targets=tensor_pb2.Tensor(shape=[1, 1], values=[1.0]))
    for number in range(0, MODELS, 10):
        stub.Train(training_service_pb2.TrainRequest(model=f"models/m{number}", examples=examples))


def start_clean(data):
    """With the weights out of reach."""
    weights, away = data / "weights", data.parent / "away"
    weights.rename(away)
    weights.mkdir()
    server = Started(data)
    for number in (0, MODELS - 1):
        if server.health(f"m{number}") != b"\x08\x01":
            sys.exit(f"start_bench: m{number} is not SERVING")
    server.end()
    weights.rmdir()
    away.rename(weights)
    return server.milliseconds


def start_after_kill(data):
    server = Started(data)
    train_some(server)
    server.end(kill=True)
    server = Started(data)
    server.end()
    return server.milliseconds


def show(what, milliseconds):
    print(f"{what:<22} {statistics.median(milliseconds):8.1f} ms to READY, "
          f"{min(milliseconds):.1f} to {max(milliseconds):.1f}, {MODELS} models")


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        create_all(data)
        show("after a clean stop", [start_clean(data) for _ in range(ROUNDS)])
        show("after SIGKILL", [start_after_kill(data) for _ in range(ROUNDS)])


if __name__ == "__main__":
    main()
