#!/usr/bin/python3
"""autograd_test.py SERVER FOLDER: every gradient against PyTorch's autograd in float64, for
each activation and loss that go together, with sample weights and penalties."""

import itertools
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
from networks import ACTIVATIONS, CASES, DELTA, LOSSES, SLOPE, last_activations  # noqa: E402
from tensors import array_of, tensor  # noqa: E402

SMALL = (13, 5, 7, 3)  # rows, inputs, hidden units, outputs
# Edges of every kernel's tiles, more than one block of rows, and layers whose gradients take
# the ways of large ones.
SHAPES = [(1, 1, 1, 1), (67, 130, 97, 33), (4_500, 9, 17, 2)]
if not harness.UNDER_THREAD_SANITIZER:
    SHAPES.append((70, 513, 1_030, 11))
TOLERANCE = 1e-5  # of the largest entry of each tensor
L1, L2 = 0.01, 0.05


class Problem:
    """A network's parameters and labelled rows, float32 numbers held as float64."""

    def __init__(self, loss, seed, shape=SMALL):
        rows, inputs, hidden, outputs = shape
        chance = numpy.random.RandomState(seed)
        draw = lambda *shape: chance.uniform(-1, 1, shape).astype(numpy.float32).astype(float)
        self.x, self.weights = draw(rows, inputs), numpy.abs(draw(rows)) + 0.1
        self.weights = self.weights.astype(numpy.float32).astype(float)
        self.y = numpy.abs(draw(rows, outputs))
        if loss == "CATEGORICAL_CROSS_ENTROPY":
            self.y = numpy.eye(outputs)[chance.randint(outputs, size=rows)]
        widths = [inputs, hidden, hidden, outputs]
        self.parameters = [(draw(units, width) / numpy.float32(width ** 0.5), draw(units))
                           for width, units in zip(widths, widths[1:])]
        self.parameters = [(w.astype(numpy.float32).astype(float), b) for w, b in self.parameters]


def expected(problem, activations, loss):
    """All gradients by autograd: parameters, inputs, and z, a, dz, da of each layer."""
    x = torch.tensor(problem.x, requires_grad=True)
    parameters = [(torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True))
                  for w, b in problem.parameters]
    chain, a = [], x
    for (w, b), name in zip(parameters, activations):
        z = a @ w.T + b
        a = ACTIVATIONS[name](z)
        z.retain_grad()
        a.retain_grad()
        chain.append((z, a))
    losses = LOSSES[loss](a, torch.tensor(problem.y)).sum(dim=1)
    losses.sum().backward(retain_graph=True)  # each example's own loss
    own = [(z.detach(), a.detach(), z.grad.clone(), a.grad.clone()) for z, a in chain]
    inputs = x.grad.clone()
    for w, b in parameters:
        w.grad = b.grad = None
    weights = torch.tensor(problem.weights)
    mean = (weights * losses).sum() / weights.sum()
    penalty = sum(L1 * w.abs().sum() + 0.5 * L2 * (w * w).sum() for w, _ in parameters)
    (mean + penalty).backward()
    return (mean.item(), penalty.item(), [(w.grad, b.grad) for w, b in parameters], inputs, own)


class AutogradTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.ServerProcess(SERVER)
        cls.channel = grpc.insecure_channel(
            cls.server.address, [("grpc.max_receive_message_length", 64 << 20)])
        cls.models = ModelServiceStub(cls.channel)
        cls.training = TrainingServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__()

    def create(self, name, problem, activations, loss, normalization=None):
        layers = [model_pb2.LayerSpec(
            units=w.shape[0], activation=model_pb2.Activation.Value(f"ACTIVATION_{activation}"),
            l1=L1, l2=L2, leaky_slope=SLOPE if activation == "LEAKY_RELU" else None)
            for (w, _), activation in zip(problem.parameters, activations)]
        spec = model_pb2.ModelSpec(
            input_width=problem.x.shape[1], layers=layers, loss=model_pb2.Loss.Value(f"LOSS_{loss}"),
            normalization=normalization, multi_label=loss == "BINARY_CROSS_ENTROPY",
            huber_delta=DELTA if loss == "HUBER" else None)
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)))
        self.models.SetWeights(model_service_pb2.SetWeightsRequest(
            model=f"models/{name}",
            layers=[tensor_pb2.LayerTensors(index=i, weights=tensor(w), biases=tensor(b))
                    for i, (w, b) in enumerate(problem.parameters)]))

    def gradients(self, name, problem, inputs):
        examples = tensor_pb2.Examples(inputs=tensor(inputs), targets=tensor(problem.y),
                                       sample_weights=tensor(problem.weights))
        return self.training.GetGradients(training_pb2.GetGradientsRequest(
            model=f"models/{name}", examples=examples,
            wrt=[training_pb2.GRADIENT_TARGET_PARAMETERS, training_pb2.GRADIENT_TARGET_INPUTS,
                 training_pb2.GRADIENT_TARGET_ACTIVATIONS]))

    def assert_close(self, message, wanted, what):
        wanted = numpy.asarray(wanted)
        largest = numpy.abs(wanted).max()
        error = numpy.abs(array_of(message) - wanted).max()
        self.assertLessEqual(error, TOLERANCE * max(largest, 1e-30), what)

    def assert_gradients(self, name, problem, activations, loss):
        self.create(name, problem, activations, loss)
        answer = self.gradients(name, problem, problem.x)
        mean, penalty, parameters, inputs, chain = expected(problem, activations, loss)
        self.assertAlmostEqual(answer.loss, mean, delta=1e-5 * abs(mean))
        self.assertAlmostEqual(answer.penalty, penalty, delta=1e-5 * penalty)
        self.assertAlmostEqual(answer.weight_sum / problem.weights.sum(), 1, places=5)
        self.assert_close(answer.input_gradients, inputs, "inputs")
        for i, (dw, db) in enumerate(parameters):
            self.assert_close(answer.layers[i].weights, dw, f"weights of layer {i}")
            self.assert_close(answer.layers[i].biases, db, f"biases of layer {i}")
        for i, values in enumerate(chain):
            for part, value in zip(("z", "a", "dz", "da"), values):
                self.assert_close(getattr(answer.activations[i], part), value,
                                  f"{part} of layer {i}")

    def test_every_gradient_for_every_activation_and_loss(self):
        for number, (hidden, loss, last) in enumerate(CASES):
            with self.subTest(hidden=hidden, loss=loss, last=last):
                problem = Problem(loss, seed=number)
                self.assert_gradients(f"case-{number}", problem, [hidden, hidden, last], loss)
        self.assertEqual(len(CASES), 7 * (1 + 1 + 7 + 7))

    def test_every_gradient_for_every_shape(self):
        for number, shape in enumerate(SHAPES):
            for loss in ("BINARY_CROSS_ENTROPY", "MEAN_SQUARED_ERROR"):
                with self.subTest(shape=shape, loss=loss):
                    problem = Problem(loss, number, shape)
                    last = last_activations(loss)[0]
                    self.assert_gradients(f"shape-{number}-{loss[:3].lower()}", problem,
                                          ["TANH", "GELU", last], loss)

    # Of answers that are almost certain, and right, almost nothing is left to learn from.
    def test_every_gradient_of_a_confident_network(self):
        for loss in ("BINARY_CROSS_ENTROPY", "CATEGORICAL_CROSS_ENTROPY"):
            for margin in (6, 12, 20):
                with self.subTest(loss=loss, margin=margin):
                    problem = Problem(loss, seed=margin)
                    answer = numpy.array([1.0, 0.0, 0.0])
                    last = last_activations(loss)[0]
                    problem.parameters[2][1][:] = margin * (
                        answer if last == "SOFTMAX" else 2 * answer - 1)
                    problem.y[:] = answer
                    self.assert_gradients(f"confident-{margin}-{loss[:3].lower()}", problem,
                                          ["TANH", "RELU", last], loss)

    def test_input_gradients_are_by_the_inputs_as_sent(self):
        problem = Problem("MEAN_SQUARED_ERROR", seed=1)
        mean, scale = [1, -2, 0.5, 0, 3], [2, 0.25, 1, 8, 0.5]
        activations = ["TANH", "TANH", "IDENTITY"]
        self.create("normalized", problem, activations, "MEAN_SQUARED_ERROR",
                    model_pb2.Normalization(mean=mean, scale=scale))
        sent = problem.x * numpy.array(scale) + numpy.array(mean)
        answer = self.gradients("normalized", problem, sent)
        inputs = expected(problem, activations, "MEAN_SQUARED_ERROR")[3]
        self.assert_close(answer.input_gradients, inputs / torch.tensor(scale), "inputs")

    def test_central_differences_agree_for_every_activation_and_loss(self):
        for number, (loss, last) in enumerate(
                itertools.chain(*([(loss, last) for last in last_activations(loss)]
                                  for loss in LOSSES))):
            problem = Problem(loss, seed=number)
            name = f"check-{number}"
            self.create(name, problem, ["TANH", "GELU", last], loss)
            examples = tensor_pb2.Examples(inputs=tensor(problem.x), targets=tensor(problem.y),
                                           sample_weights=tensor(problem.weights))
            answer = self.training.CheckGradients(training_pb2.CheckGradientsRequest(
                model=f"models/{name}", examples=examples, samples=1000))
            self.assertEqual(answer.samples, 5 * 7 + 7 + 7 * 7 + 7 + 7 * 3 + 3)
            self.assertLess(answer.max_relative_error, 1e-4, (loss, last))


if __name__ == "__main__":
    unittest.main()
