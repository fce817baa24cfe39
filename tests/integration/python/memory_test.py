#!/usr/bin/python3
"""memory_test.py SERVER FOLDER: what models say they take, against what the process takes of
the machine: resident pages, as /proc tells them, of a server with a data folder."""

import array
import pathlib
import resource
import sys
import time
import unittest

import grpc
import harness

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, prediction_service_pb2  # noqa: E402
from chainrule.v1 import tensor_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402

INPUTS, HIDDEN = 2000, 3000  # some 6 million parameters, with momentum 48 MB
SMALL_MODELS, SMALL_INPUTS, SMALL_HIDDEN = 1000, 30, 64


class MemoryTest(unittest.TestCase):
    def setUp(self):
        self.server = harness.ServerProcess(SERVER)
        self.addCleanup(self.server.__exit__)
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)
        self.models = ModelServiceStub(self.channel)

    def resident(self):
        pages = pathlib.Path(f"/proc/{self.server.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def create(self, name, inputs, hidden):
        spec = model_pb2.ModelSpec(
            input_width=inputs, layers=[model_pb2.LayerSpec(units=hidden),
                                        model_pb2.LayerSpec(units=1)],
            optimizer=model_pb2.Optimizer(sgd=model_pb2.Sgd(momentum=0.9)))
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)))

    def train(self, name, inputs):
        TrainingServiceStub(self.channel).Train(training_service_pb2.TrainRequest(
            model=f"models/{name}", examples=tensor_pb2.Examples(
                inputs=tensor_pb2.Tensor(shape=[1, inputs], values=[0.5] * inputs),
                targets=tensor_pb2.Tensor(shape=[1, 1], values=[1.0]))))

    def predict(self, name, inputs):
        PredictionServiceStub(self.channel).Predict(prediction_service_pb2.PredictRequest(
            model=f"models/{name}",
            inputs=tensor_pb2.Tensor(shape=[1, inputs], values=[0.5] * inputs)))

    def told(self, name):
        return self.models.GetModel(model_service_pb2.GetModelRequest(
            name=f"models/{name}")).memory_bytes

    def use(self, name, inputs, hidden):
        """Yields after each thing that a model goes through."""
        self.create(name, inputs, hidden)
        yield "created"
        self.train(name, inputs)
        yield "trained"
        self.predict(name, inputs)
        yield "predicted"

    def delete(self, name):
        self.models.DeleteModel(model_service_pb2.DeleteModelRequest(name=f"models/{name}"))

    def test_a_large_model_takes_what_it_says_and_gives_it_back(self):
        for _ in self.use("first", 20, 20):  # all that is made once is made
            pass
        before = self.resident()
        for what in self.use("large", INPUTS, HIDDEN):
            with self.subTest(what):
                told = self.told("large")
                self.assertGreater(told, 40_000_000)
                self.assert_takes(told, before, told)
        self.delete("large")
        self.assert_takes(0, before, told)

    def test_a_large_model_takes_what_it_says_while_it_trains(self):
        """Few rows, so that a call's own memory does not show beside the model's."""
        for _ in self.use("first", 20, 20):
            pass
        for name, rows in (("narrow", 32), ("wide", 1024)):
            with self.subTest(name):
                before = self.resident()
                self.create(name, INPUTS, HIDDEN)
                values = array.array("f", [0.001 * (i % 7) for i in range(rows * INPUTS)]).tobytes()
                fit = TrainingServiceStub(self.channel).Fit(iter((
                    training_service_pb2.FitRequest(header=training_service_pb2.FitHeader(
                        model=f"models/{name}", epochs=1_000_000, batch_size=rows)),
                    training_service_pb2.FitRequest(examples=tensor_pb2.Examples(
                        inputs=tensor_pb2.Tensor(shape=[rows, INPUTS], raw=values),
                        targets=tensor_pb2.Tensor(shape=[rows, 1], raw=bytes(4 * rows)))))))
                self.addCleanup(fit.cancel)
                while next(fit).WhichOneof("kind") != "epoch_report":
                    pass
                next(fit)
                told = self.told_while_it_changes(name, before + len(values))
                self.assertGreater(told, 90_000_000)  # twice what it takes at rest
                fit.cancel()
                self.delete(name)
                self.assert_takes(0, before, told)

    def test_a_thousand_small_models_take_what_they_say_and_give_it_back(self):
        names = [f"small-{i}" for i in range(SMALL_MODELS)]
        for _ in self.use("first", SMALL_INPUTS, SMALL_HIDDEN):
            pass
        self.delete("first")
        before = self.resident()
        told = self.use_together(names, before)
        for name in names:
            self.delete(name)
        # Beside tables that grow once, for thousands of models.
        self.assert_takes(0, before, 2 * told)
        before = self.resident()
        for name in names:
            self.create(name, SMALL_INPUTS, SMALL_HIDDEN)
        for name in names:
            self.delete(name)
        self.assert_takes(0, before, told)

    def use_together(self, names, before):
        """Holds what they say together to what they take; returns the last of it."""
        for name in names:
            self.create(name, SMALL_INPUTS, SMALL_HIDDEN)
        self.assert_takes(self.told_together(), before, self.told_together())
        for do in (self.train, self.predict):
            with self.subTest(do.__name__):
                for name in names:
                    do(name, SMALL_INPUTS)
                told = self.told_together()
                self.assert_takes(told, before, told)
        return told

    def told_together(self):
        models = self.models.ListModels(model_service_pb2.ListModelsRequest(page_size=1000)).models
        self.assertEqual(len(models), SMALL_MODELS)
        return sum(model.memory_bytes for model in models)

    def told_while_it_changes(self, name, before):
        """Once it is what the process takes, which is soon: from one slice of a training to the
        next both may differ by a block."""
        end = time.monotonic() + 60
        while True:
            told = self.told(name)
            if abs(self.resident() - before - told) <= 0.1 * told:
                return told
            self.assertLess(time.monotonic(), end, (told, self.resident() - before))

    def assert_takes(self, told, before, largest):
        """What a change leaves behind may be freed a moment after its answer."""
        end = time.monotonic() + 60
        while abs(self.resident() - before - told) > 0.1 * largest and time.monotonic() < end:
            pass
        self.assertAlmostEqual((self.resident() - before - told) / largest, 0, delta=0.1)


if __name__ == "__main__":
    unittest.main()
