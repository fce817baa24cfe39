#!/usr/bin/python3
"""crash_test.py SERVER FOLDER [KILLS]: a server that is killed again and again while several
clients train, each repeating its calls with their request ids until they are answered.

Then every answered step is there, none was applied twice, and the weights are, bit for bit,
those of a run without kills that applies the calls in the order of their replies'
model_step. Nobody ever saw a step that the next process did not have, nor two different
weights at one step."""

import hashlib
import random
import sys
import tempfile
import threading
import time
import unittest
import uuid

import grpc
import harness

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
KILLS = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 5
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, tensor_pb2  # noqa: E402
from chainrule.v1 import training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402

MODEL = "models/m"
TRAINERS = 4
INPUTS = 6
LATER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


def create(stub):
    """Dropout, momentum and a shuffle: all that a step's bits depend on."""
    spec = model_pb2.ModelSpec(
        input_width=INPUTS, seed=5,
        layers=[model_pb2.LayerSpec(units=9, activation=model_pb2.ACTIVATION_TANH, dropout=0.2),
                model_pb2.LayerSpec(units=2, activation=model_pb2.ACTIVATION_IDENTITY)],
        loss=model_pb2.LOSS_MEAN_SQUARED_ERROR,
        optimizer=model_pb2.Optimizer(adam=model_pb2.Adam(), learning_rate=0.01))
    stub.CreateModel(model_service_pb2.CreateModelRequest(
        model_id="m", model=model_pb2.Model(spec=spec)))


def any_call(chance):
    """A Train of some rows, or now and then a SetWeights."""
    request_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    if chance.random() < 0.1:
        bias = tensor_pb2.Tensor(shape=[2], values=[chance.uniform(-1, 1) for _ in range(2)])
        return model_service_pb2.SetWeightsRequest(
            model=MODEL, request_id=request_id,
            layers=[tensor_pb2.LayerTensors(index=1, biases=bias)])
    rows = chance.randint(1, 200)
    examples = tensor_pb2.Examples(
        inputs=tensor_pb2.Tensor(shape=[rows, INPUTS],
                                 values=[chance.gauss(0, 1) for _ in range(rows * INPUTS)]),
        targets=tensor_pb2.Tensor(shape=[rows, 2],
                                  values=[chance.gauss(0, 1) for _ in range(rows * 2)]))
    return training_service_pb2.TrainRequest(
        model=MODEL, request_id=request_id, examples=examples,
        epochs=chance.choice([1, 1, 1, 3, 40]), batch_size=chance.choice([0, 7, 32]))


class Client:
    """Stubs to the server that runs now."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.models = ModelServiceStub(self.channel)
        self.training = TrainingServiceStub(self.channel)

    def apply(self, request):
        """The steps that the call took, and the reply."""
        if isinstance(request, training_service_pb2.TrainRequest):
            reply = self.training.Train(request, timeout=60)
            return reply.steps_taken, reply
        return 1, self.models.SetWeights(request, timeout=60)

    def weights(self):
        """The step that readers see, and a digest of the weights."""
        reply = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=MODEL, encoding=tensor_pb2.TENSOR_ENCODING_RAW), timeout=60)
        content = b"".join(layer.weights.raw + layer.biases.raw for layer in reply.layers)
        return reply.model_step, hashlib.sha256(content).hexdigest()


class CrashTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.lock = threading.Condition()
        self.client = None  # of the server that runs
        self.applied = []   # (reply's step, steps, request)
        self.seen = {}      # step -> digest
        self.faults = []
        self.stopping = False

    def start(self):
        server = harness.ServerProcess(SERVER, f"--data_dir={self.folder}/data",
                                       "--checkpoint_bytes=1MiB")
        self.assertIsNotNone(server.address, "the server did not start")
        with self.lock:
            self.client = Client(server.address)
            self.lock.notify_all()
        return server

    def current(self, last=None):
        """A client of the server that runs, another one than `last` if that one is gone."""
        with self.lock:
            self.lock.wait_for(lambda: self.client is not last or self.stopping, timeout=0.05)
            return self.client

    def until_answered(self, call):
        client = self.current()
        while True:
            try:
                return call(client)
            except grpc.RpcError as error:
                if error.code() not in LATER:
                    raise
            client = self.current(client)

    def train(self, seed):
        chance = random.Random(seed)
        try:
            while not self.stopping:
                request = any_call(chance)
                steps, reply = self.until_answered(lambda c, r=request: c.apply(r))
                with self.lock:
                    self.applied.append((reply.model_step, steps, request))
                    if reply.durable_step < reply.model_step and not reply.replayed:
                        self.faults.append(f"step {reply.model_step} is not durable")
        except grpc.RpcError as error:
            self.faults.append(f"{error.code()}: {error.details()}")

    def watch(self):
        """Reads again and again: the step never goes back, also not when a process ends."""
        highest = 0
        while not self.stopping:
            try:
                step, digest = self.until_answered(lambda c: c.weights())
            except grpc.RpcError as error:
                self.faults.append(f"{error.code()}: {error.details()}")
                return
            if step < highest:
                self.faults.append(f"step {step} was seen after step {highest}")
            highest = max(highest, step)
            if self.seen.setdefault(step, digest) != digest:
                self.faults.append(f"two weights were seen at step {step}")

    def run_with_kills(self):
        chance = random.Random(7)
        server = self.start()
        create(self.client.models)
        threads = [threading.Thread(target=self.train, args=(i,)) for i in range(TRAINERS)]
        threads.append(threading.Thread(target=self.watch))
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.8))  # work to be killed in, not a wait
            server.__exit__()  # SIGKILL
            server = self.start()
        with self.lock:
            self.stopping = True
            self.lock.notify_all()
        for thread in threads:
            thread.join()
        result = self.client.weights()
        self.assertEqual(server.stop()[0], 0)
        return result

    def run_undisturbed(self):
        """Returns the steps after each call, with the weights there."""
        with harness.ServerProcess(SERVER) as server:
            client = Client(server.address)
            create(client.models)
            weights = dict([client.weights()])
            for step, _, request in self.applied:
                self.assertEqual(client.apply(request)[1].model_step, step)
                weights.update([client.weights()])
            return weights

    def test_nothing_that_was_answered_is_lost_or_applied_twice(self):
        last_step, last_weights = self.run_with_kills()
        self.assertEqual(self.faults, [])
        self.applied.sort(key=lambda call: call[0])
        covered = 0
        for step, steps, _ in self.applied:
            self.assertEqual(step - steps, covered, "each call goes on where the one before ended")
            covered = step
        self.assertEqual(covered, last_step)
        weights = self.run_undisturbed()
        self.assertEqual(weights[last_step], last_weights)
        whole = {step: digest for step, digest in self.seen.items() if step in weights}
        for step, digest in whole.items():
            self.assertEqual(digest, weights[step], f"what was seen at step {step}")
        print(f"{KILLS} kills, {len(self.applied)} calls, {last_step} steps, "
              f"{len(self.seen)} steps seen", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
