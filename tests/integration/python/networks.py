"""The activations and losses in PyTorch, and which of them go together."""

import torch

SLOPE, DELTA = 0.2, 0.4

ACTIVATIONS = {
    "SIGMOID": torch.sigmoid,
    "TANH": torch.tanh,
    "RELU": torch.relu,
    "LEAKY_RELU": lambda z: torch.nn.functional.leaky_relu(z, SLOPE),
    "GELU": torch.nn.functional.gelu,
    "SOFTPLUS": torch.nn.functional.softplus,
    "IDENTITY": lambda z: z,
    "SOFTMAX": lambda z: torch.softmax(z, dim=1),
}


def huber(a, y):
    e = (a - y).abs()
    return torch.where(e <= DELTA, 0.5 * e * e, DELTA * (e - 0.5 * DELTA))


# Of each output of each example.
LOSSES = {
    "BINARY_CROSS_ENTROPY": lambda a, y: -(y * a.log() + (1 - y) * (1 - a).log()),
    "CATEGORICAL_CROSS_ENTROPY": lambda a, y: -y * a.log(),
    "MEAN_SQUARED_ERROR": lambda a, y: (a - y) ** 2,
    "HUBER": huber,
}


def last_activations(loss):
    if loss == "BINARY_CROSS_ENTROPY":
        return ["SIGMOID"]
    if loss == "CATEGORICAL_CROSS_ENTROPY":
        return ["SOFTMAX"]
    return [name for name in ACTIVATIONS if name != "SOFTMAX"]


CASES = [(hidden, loss, last)
         for hidden in ACTIVATIONS if hidden != "SOFTMAX"
         for loss in LOSSES for last in last_activations(loss)]
