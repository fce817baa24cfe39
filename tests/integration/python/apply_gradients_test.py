#!/usr/bin/python3
"""apply_gradients_test.py SERVER FOLDER: gradients that PyTorch computes in float64, applied
through the RPC step by step, take a model where torch.optim takes PyTorch's own: for each
optimizer, with penalties, with clipping, and from several workers."""

import sys
import unittest

import grpc
import harness
import numpy
import torch

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, tensor_pb2  # noqa: E402
from chainrule.v1 import training_service_pb2 as training_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402
from tensors import array_of, tensor64  # noqa: E402

WIDTHS, ROWS, STEPS = [6, 10, 3], 24, 30
TOLERANCE = 2e-5  # of each parameter, which are about 1
L1, L2 = 0.002, 0.01

# The service's optimizer, and PyTorch's.
CASES = {
    "sgd": ({"learning_rate": 0.1}, torch.optim.SGD, {"lr": 0.1}),
    "momentum": ({"sgd": model_pb2.Sgd(momentum=0.9), "learning_rate": 0.02},
                 torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    "nesterov": ({"sgd": model_pb2.Sgd(momentum=0.9, nesterov=True), "learning_rate": 0.02},
                 torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    "adam": ({"adam": model_pb2.Adam(), "learning_rate": 0.01}, torch.optim.Adam, {"lr": 0.01}),
    "rmsprop": ({"rmsprop": model_pb2.RmsProp(), "learning_rate": 0.001},
                torch.optim.RMSprop, {"lr": 0.001}),
    "adagrad": ({"adagrad": model_pb2.Adagrad(), "learning_rate": 0.05},
                torch.optim.Adagrad, {"lr": 0.05}),
}


class Network(torch.nn.Module):
    """tanh, then the identity; squared error summed over the outputs."""

    def __init__(self, parameters):
        super().__init__()
        self.layers = torch.nn.ModuleList()
        for weights, biases in parameters:
            layer = torch.nn.Linear(weights.shape[1], weights.shape[0]).double()
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(weights))
                layer.bias.copy_(torch.tensor(biases))
            self.layers.append(layer)

    def losses(self, x, y):
        return ((self.layers[1](torch.tanh(self.layers[0](x))) - y) ** 2).sum(dim=1)

    def gradients(self, x, y):
        """Of the mean loss on these rows, as the RPC's layers. Leaves them in .grad."""
        self.zero_grad()
        self.losses(x, y).mean().backward()
        return [tensor_pb2.LayerTensors(index=i, weights=tensor64(layer.weight.grad),
                                        biases=tensor64(layer.bias.grad))
                for i, layer in enumerate(self.layers)]


class ApplyGradientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.ServerProcess(SERVER)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.models = ModelServiceStub(cls.channel)
        cls.training = TrainingServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__()

    def create(self, name, optimizer, penalties=False):
        spec = model_pb2.ModelSpec(
            input_width=WIDTHS[0], seed=3, loss="LOSS_MEAN_SQUARED_ERROR",
            layers=[model_pb2.LayerSpec(units=units, activation=activation,
                                        l1=L1 if penalties else 0, l2=L2 if penalties else 0)
                    for units, activation in zip(WIDTHS[1:],
                                                 ("ACTIVATION_TANH", "ACTIVATION_IDENTITY"))],
            optimizer=model_pb2.Optimizer(**optimizer))
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)))
        return Network(self.parameters(name))

    def parameters(self, name):
        answer = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=f"models/{name}", encoding="TENSOR_ENCODING_RAW"))
        return [(array_of(layer.weights), array_of(layer.biases)) for layer in answer.layers]

    def apply(self, name, *contributions, **fields):
        return self.training.ApplyGradients(training_pb2.ApplyGradientsRequest(
            model=f"models/{name}", contributions=contributions, **fields))

    def assert_same(self, name, network):
        for layer, (weights, biases) in zip(network.layers, self.parameters(name)):
            for mine, theirs in ((weights, layer.weight), (biases, layer.bias)):
                error = numpy.abs(mine - theirs.detach().numpy()).max()
                self.assertLess(error, TOLERANCE, name)

    def follow(self, name, network, optimizer, change=lambda network: None):
        """STEPS of both; `change` does to PyTorch's gradients what the server does to them."""
        chance = numpy.random.RandomState(1)
        start = self.parameters(name)
        for step in range(STEPS):
            x = torch.tensor(chance.normal(size=(ROWS, WIDTHS[0])))
            y = torch.tensor(chance.normal(size=(ROWS, WIDTHS[-1])))
            applied = self.apply(name, training_pb2.GradientContribution(
                layers=network.gradients(x, y), base_step=step), max_staleness=0)
            self.assertEqual(applied.model_step, step + 1)
            change(network)
            optimizer.step()
        self.assert_same(name, network)
        moved = max(numpy.abs(was[0] - now[0]).max()
                    for was, now in zip(start, self.parameters(name)))
        self.assertGreater(moved, 20 * TOLERANCE, "it learned something")

    def test_steps_are_those_of_torchs_optimizers(self):
        for name, (mine, kind, theirs) in CASES.items():
            with self.subTest(name):
                network = self.create(name, mine)
                self.follow(name, network, kind(network.parameters(), **theirs))

    def test_decoupled_decay_is_that_of_torchs_adamw(self):
        network = self.create("decay", {"adamw": model_pb2.AdamW(), "weight_decay": 0.1,
                                        "learning_rate": 0.01})
        biases = {"params": [layer.bias for layer in network.layers], "weight_decay": 0.0}
        weights = {"params": [layer.weight for layer in network.layers]}
        self.follow("decay", network,
                    torch.optim.AdamW([weights, biases], lr=0.01, weight_decay=0.1))

    def test_penalties_are_added_here_then_clipped(self):
        def change(network):
            for layer in network.layers:
                layer.weight.grad += L1 * torch.sign(layer.weight) + L2 * layer.weight
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            self.assertGreater(norm, 0.5)
        network = self.create("penalties", {"learning_rate": 0.1, "clip_norm": 0.5}, True)
        self.follow("penalties", network, torch.optim.SGD(network.parameters(), lr=0.1),
                    lambda network: change(network))

    def test_workers_count_by_their_weights(self):
        name = "workers"
        network = self.create(name, {"adam": model_pb2.Adam(), "learning_rate": 0.01})
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        chance = numpy.random.RandomState(2)
        for _ in range(STEPS):
            x = torch.tensor(chance.normal(size=(ROWS, WIDTHS[0])))
            y = torch.tensor(chance.normal(size=(ROWS, WIDTHS[-1])))
            cuts = [0, 3, 11, ROWS]
            self.apply(name, *(training_pb2.GradientContribution(
                layers=network.gradients(x[a:b], y[a:b]), weight=b - a)
                for a, b in zip(cuts, cuts[1:])))
            network.gradients(x, y)
            optimizer.step()
        self.assert_same(name, network)

    def test_gradients_of_the_rpc_follow_torch_too(self):
        """GetGradients on the live weights, applied: a parameter server's loop."""
        name = "loop"
        network = self.create(name, {"learning_rate": 0.05})
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        chance = numpy.random.RandomState(3)
        for _ in range(STEPS):
            x = chance.normal(size=(ROWS, WIDTHS[0])).astype(numpy.float32)
            y = chance.normal(size=(ROWS, WIDTHS[-1])).astype(numpy.float32)
            answer = self.training.GetGradients(training_pb2.GetGradientsRequest(
                model=f"models/{name}",
                examples=tensor_pb2.Examples(inputs=tensor64(x), targets=tensor64(y))))
            self.apply(name, training_pb2.GradientContribution(
                layers=answer.layers, weight=answer.weight_sum, base_step=answer.model_step),
                max_staleness=0)
            network.gradients(torch.tensor(x).double(), torch.tensor(y).double())
            optimizer.step()
        self.assert_same(name, network)


if __name__ == "__main__":
    unittest.main()
