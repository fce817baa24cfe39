#!/usr/bin/python3
"""dropout_test.py SERVER FOLDER: training steps with dropout, penalties, clipping and sample
weights against PyTorch's autograd in float64, for each activation and loss that go together.
The masks are drawn here anew, from the paper's Philox4x32-10 and from what engine/kernels/dropout.h
says of its numbers."""

import functools
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
from networks import ACTIVATIONS, CASES, DELTA, LOSSES, SLOPE  # noqa: E402
from tensors import array_of, tensor  # noqa: E402

WIDTHS, ROWS = [6, 10, 7, 3], 11
REGRESSION = (["TANH", "TANH", "IDENTITY"], "MEAN_SQUARED_ERROR")
DROPOUT = [0.3, 0.5, 0.0]
L1, L2, RATE, SEED = 0.003, 0.02, 0.5, (1 << 40) + 77
DROPOUT_PURPOSE = 3
TOLERANCE = 1e-5  # of the largest entry of each tensor's step


def philox4x32(counter, key):
    """Ten rounds, as in Salmon et al., 2011."""
    for _ in range(10):
        first, second = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [second >> 32 ^ counter[1] ^ key[0], second & 0xFFFFFFFF,
                   first >> 32 ^ counter[3] ^ key[1], first & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def uniform(step, index):
    block = index // 4
    bits = philox4x32([block & 0xFFFFFFFF, block >> 32, step & 0xFFFFFFFF,
                       DROPOUT_PURPOSE << 24 | step >> 32], [SEED & 0xFFFFFFFF, SEED >> 32])
    return (bits[index % 4] >> 8) / 2**24


@functools.cache
def mask(step, layer, units):
    width = (units + 3) // 4 * 4
    p = numpy.float32(DROPOUT[layer])
    kept = 1 / (1 - float(p))
    return torch.tensor([[0.0 if uniform(step, (layer << 48) + row * width + unit) < p else kept
                          for unit in range(units)] for row in range(ROWS)])


def gradients(network, parameters, rows, step):
    """Of each parameter, by autograd: the loss of the thinned network, and the penalties."""
    activations, loss = network
    x, y, weights = map(torch.tensor, rows)
    leaves = [(torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True))
              for w, b in parameters]
    a = x
    for layer, (w, b) in enumerate(leaves):
        a = ACTIVATIONS[activations[layer]](a @ w.T + b)
        if DROPOUT[layer] > 0:
            a = a * mask(step, layer, WIDTHS[layer + 1])
    mean = (weights * LOSSES[loss](a, y).sum(dim=1)).sum() / weights.sum()
    (mean + sum(L1 * w.abs().sum() + 0.5 * L2 * (w * w).sum() for w, _ in leaves)).backward()
    return [(w.grad, b.grad) for w, b in leaves]


def norm_of(parts):
    return torch.sqrt(sum((g * g).sum() for pair in parts for g in pair))


def labelled_rows(loss):
    """Inputs, targets and weights: float32 numbers held as float64."""
    chance = numpy.random.RandomState(5)
    draw = lambda *shape: chance.uniform(-1, 1, shape).astype(numpy.float32).astype(float)
    x, y = draw(ROWS, WIDTHS[0]), numpy.abs(draw(ROWS, WIDTHS[-1]))
    if loss == "CATEGORICAL_CROSS_ENTROPY":
        y = numpy.eye(WIDTHS[-1])[chance.randint(WIDTHS[-1], size=ROWS)]
    weights = (numpy.abs(draw(ROWS)) + 0.125).astype(numpy.float32).astype(float)
    return x, y, weights


class DropoutTest(unittest.TestCase):
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

    def create(self, name, network, **clipping):
        activations, loss = network
        layers = [model_pb2.LayerSpec(
            units=units, dropout=dropout, l1=L1, l2=L2, activation=f"ACTIVATION_{activation}",
            leaky_slope=SLOPE if activation == "LEAKY_RELU" else None)
            for units, dropout, activation in zip(WIDTHS[1:], DROPOUT, activations)]
        spec = model_pb2.ModelSpec(
            input_width=WIDTHS[0], layers=layers, loss=f"LOSS_{loss}", seed=SEED,
            multi_label=loss == "BINARY_CROSS_ENTROPY",
            huber_delta=DELTA if loss == "HUBER" else None,
            optimizer=model_pb2.Optimizer(learning_rate=RATE, **clipping))
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)))

    def parameters(self, name):
        answer = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=f"models/{name}", encoding="TENSOR_ENCODING_RAW"))
        return [(array_of(layer.weights), array_of(layer.biases)) for layer in answer.layers]

    def check(self, name, clip, network=REGRESSION, steps=5, **clipping):
        """Steps on all rows; `clip` turns autograd's gradients into what a step takes."""
        self.create(name, network, **clipping)
        x, y, weights = rows = labelled_rows(network[1])
        for step in range(steps):
            before = self.parameters(name)
            trained = self.training.Train(training_pb2.TrainRequest(
                model=f"models/{name}", keep_order=True, examples=tensor_pb2.Examples(
                    inputs=tensor(x), targets=tensor(y), sample_weights=tensor(weights))))
            self.assertEqual(trained.model_step, step + 1)
            wanted = clip(gradients(network, before, rows, step))
            for layer, pair in enumerate(zip(before, self.parameters(name), wanted)):
                for was, became, gradient, part in zip(*pair, ("weights", "biases")):
                    moved = RATE * gradient.numpy()
                    error = numpy.abs((was - became) - moved).max()
                    self.assertLessEqual(error, TOLERANCE * numpy.abs(moved).max() + 1e-7,
                                         (network, step, layer, part))

    def test_the_masks_thin_about_as_many_as_the_probability_says(self):
        kept = sum(float((mask(step, 1, 7) > 0).sum()) for step in range(20)) / (20 * 7 * ROWS)
        self.assertAlmostEqual(kept, 0.5, delta=0.06)

    def test_a_step_is_that_of_the_thinned_network(self):
        self.check("thinned", lambda wanted: wanted)

    def test_clipping_by_norm_scales_the_whole_gradient(self):
        def clip(wanted):
            norm = norm_of(wanted)
            self.assertGreater(norm, 0.25)
            return [tuple(g * 0.25 / norm for g in pair) for pair in wanted]
        self.check("by-norm", clip, clip_norm=0.25)

    def test_clipping_by_value_clamps_each_element(self):
        def clip(wanted):
            self.assertGreater(max(g.abs().max() for pair in wanted for g in pair), 0.03)
            return [tuple(g.clamp(-0.03, 0.03) for g in pair) for pair in wanted]
        self.check("by-value", clip, clip_value=0.03)

    def test_every_activation_and_loss_is_thinned_and_clipped_alike(self):
        def clip(wanted):
            norm = norm_of(wanted)
            self.assertGreater(norm, 0.1)
            return [tuple((g * 0.1 / norm).clamp(-0.02, 0.02) for g in pair) for pair in wanted]
        for number, (hidden, loss, last) in enumerate(CASES):
            with self.subTest(hidden=hidden, loss=loss, last=last):
                self.check(f"case-{number}", clip, ([hidden, hidden, last], loss), steps=2,
                           clip_norm=0.1, clip_value=0.02)


if __name__ == "__main__":
    unittest.main()
