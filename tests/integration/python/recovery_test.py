#!/usr/bin/python3
"""recovery_test.py SERVER FOLDER: what the program does with what is found on the disk when
it starts: records that another processor computed, files that were damaged."""

import os
import sys
import tempfile
import unittest

import grpc
import harness

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, server_service_pb2  # noqa: E402
from chainrule.v1 import tensor_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.server_service_pb2_grpc import ServerServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402

INPUTS, OUTPUTS = 40, 3
# A core of OpenBLAS that any processor of this kind can run, and the next.
OTHER_CORES = ("Nehalem", "Prescott")


def tensor(shape, values):
    return tensor_pb2.Tensor(shape=shape, values=values)


def rows(count):
    """Numbers whose sums depend on the order of summing."""
    def value(i):
        return ((i * 7919) % 1013) / 331 - 1.5
    return tensor_pb2.Examples(
        inputs=tensor([count, INPUTS], [value(i) for i in range(count * INPUTS)]),
        targets=tensor([count, OUTPUTS], [value(3 * i + 1) for i in range(count * OUTPUTS)]))


class Client:
    def __init__(self, address):
        channel = grpc.insecure_channel(address)
        self.models = ModelServiceStub(channel)
        self.training = TrainingServiceStub(channel)
        self.info = ServerServiceStub(channel)

    def create(self, name):
        """A network large enough that a few rows are smaller than its numbers."""
        spec = model_pb2.ModelSpec(
            input_width=INPUTS, loss=model_pb2.LOSS_MEAN_SQUARED_ERROR,
            layers=[model_pb2.LayerSpec(units=200, activation=model_pb2.ACTIVATION_TANH),
                    model_pb2.LayerSpec(units=OUTPUTS,
                                        activation=model_pb2.ACTIVATION_IDENTITY)],
            optimizer=model_pb2.Optimizer(learning_rate=0.001))
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)), timeout=60)

    def train(self, name):
        return self.training.Train(training_service_pb2.TrainRequest(
            model=f"models/{name}", examples=rows(32), epochs=10), timeout=60)

    def get(self, name):
        return self.models.GetModel(
            model_service_pb2.GetModelRequest(name=f"models/{name}"), timeout=60)

    def weights(self, name):
        """The step, and all numbers."""
        reply = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=f"models/{name}"), timeout=60)
        return reply.model_step, [value for layer in reply.layers
                                  for part in (layer.weights, layer.biases)
                                  for value in part.values]

    def core(self):
        return self.info.GetServerInfo(
            server_service_pb2.GetServerInfoRequest(), timeout=60).numerics.blas_core


class RecoveryTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = f"{folder.name}/data"

    def start(self, *flags, **environment):
        server = harness.ServerProcess(SERVER, f"--data_dir={self.data}", *flags,
                                       env={**os.environ, **environment})
        self.addCleanup(server.__exit__)
        self.assertIsNotNone(server.address, "the server did not start")
        return server, Client(server.address)

    def kill(self, server):
        """As a crash ends it; returns what it logged."""
        server.process.kill()
        return server.process.communicate()[1]

    def start_on_other_core(self, core):
        for other in OTHER_CORES:
            server, client = self.start(OPENBLAS_CORETYPE=other)
            if client.core() != core:
                return server, client
            self.kill(server)
        return self.skipTest("OpenBLAS has no other core for this processor")


class InexactReplayTest(RecoveryTest):
    def test_what_another_processor_computed_is_replayed_told_and_kept(self):
        server, client = self.start()
        core = client.core()
        client.create("m")
        client.create("untouched")
        step = client.train("m").model_step
        _, computed = client.weights("m")
        self.kill(server)
        server, client = self.start_on_other_core(core)
        other_step, replayed = client.weights("m")
        other = client.core()
        self.assertEqual(other_step, step)
        self.assertLess(max(abs(a - b) for a, b in zip(computed, replayed)), 1e-4)
        # Nothing else writes a checkpoint within five minutes.
        while not self.log_is_replayed(client):
            pass
        log = self.kill(server)
        line = next(line for line in log.splitlines() if "inexactly" in line)
        for text in ("models/m", f"step={step}", core, other):
            self.assertIn(text, line)
        self.assertNotIn("untouched", log)
        # Back on the first one: what was served last stays.
        server, client = self.start()
        self.assertEqual(client.weights("m"), (step, replayed))
        self.assertNotIn("inexactly", self.kill(server))

    def log_is_replayed(self, client):
        """Whether the checkpoint holds the step: its file is a newer one than the first."""
        uid = client.get("m").uid
        names = [name for name in os.listdir(f"{self.data}/weights") if name.startswith(uid)]
        return names and all(not name.endswith("-1.safetensors") for name in names)


if __name__ == "__main__":
    unittest.main()
