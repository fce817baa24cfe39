#!/usr/bin/env python3
"""Makes curves/*.txt: training curves of PyTorch (float64) on the breast-cancer data.

Each file is the whole case in lines of `key value ...`: what to train, the initial
parameters, the loss of each epoch (the mean over its mini-batches, each measured before
its step, weighted by rows) and the parameters at the end. golden/curves_test.cc trains
the same with our engine. Needs Debian's python3-torch:  /usr/bin/python3 make_curves.py
"""
import csv
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent.parent / "client/examples/data/wdbc.csv"
HIDDEN = 12

# name: (optimizer and its arguments, batch size (0: all rows), steps, loss extras)
CASES = {
    "sgd": (torch.optim.SGD, {"lr": 0.5}, 0, 200, {}),
    "momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, 0, 200, {}),
    "nesterov": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, 0, 200, {}),
    "adam": (torch.optim.Adam, {"lr": 0.01}, 0, 200, {}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}, 0, 200, {}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.001}, 0, 200, {}),
    "rmsprop_momentum": (torch.optim.RMSprop, {"lr": 0.001, "momentum": 0.5}, 0, 200, {}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.05}, 0, 200, {}),
    "minibatch_adam": (torch.optim.Adam, {"lr": 0.005}, 64, 207, {}),
    "penalties": (torch.optim.SGD, {"lr": 0.3}, 0, 200, {"l1": 1e-3, "l2": 1e-2}),
    "clipped": (torch.optim.SGD, {"lr": 1.0}, 64, 207, {"clip_norm": 0.05}),
    "clipped_by_value": (torch.optim.SGD, {"lr": 1.0}, 64, 207, {"clip_value": 0.01}),
}


def read_data():
    with open(DATA, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    x = torch.tensor([[float(v) for v in row[:-1]] for row in rows], dtype=torch.float64)
    y = torch.tensor([[row[-1] == "malignant"] for row in rows], dtype=torch.float64)
    return (x - x.mean(0)) / x.std(0, unbiased=False), y


def parameters_of(network):
    return [p for layer in network if isinstance(layer, torch.nn.Linear)
            for p in (layer.weight, layer.bias)]


def groups_of(network, arguments):
    """Weight decay acts on weights, not on biases."""
    if "weight_decay" not in arguments:
        return network.parameters()
    parameters = parameters_of(network)
    return [{"params": parameters[0::2]}, {"params": parameters[1::2], "weight_decay": 0.0}]


def write_numbers(file, key, values):
    file.write(key + " " + " ".join(f"{v:.9g}" for v in values) + "\n")


def flat(parameters):
    return torch.cat([p.detach().reshape(-1) for p in parameters]).tolist()


def penalty(network, l1, l2):
    weights = [layer.weight for layer in network if isinstance(layer, torch.nn.Linear)]
    return sum(l1 * w.abs().sum() + 0.5 * l2 * (w * w).sum() for w in weights)


def train(network, optimizer, batch, x, y, steps, extras):
    """Yields the mean loss of each epoch."""
    total, weight, done = 0.0, 0, 0
    while done < steps:
        for first in range(0, len(x), batch or len(x)):
            rows = slice(first, first + (batch or len(x)))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x[rows]), y[rows])
            optimizer.zero_grad()
            (loss + penalty(network, extras.get("l1", 0), extras.get("l2", 0))).backward()
            if "clip_norm" in extras:
                torch.nn.utils.clip_grad_norm_(network.parameters(), extras["clip_norm"])
            if "clip_value" in extras:
                torch.nn.utils.clip_grad_value_(network.parameters(), extras["clip_value"])
            optimizer.step()
            total += loss.item() * len(x[rows])
            weight += len(x[rows])
            done += 1
        yield total / weight
        total, weight = 0.0, 0


def make(name, x, y):
    kind, arguments, batch, steps, extras = CASES[name]
    torch.manual_seed(7)
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 1)).double()
    with torch.no_grad():  # start from numbers that float32 holds exactly
        for p in network.parameters():
            p.copy_(p.float().double())
    parameters = parameters_of(network)
    with open(HERE / "curves" / f"{name}.txt", "w", encoding="utf-8") as file:
        file.write(f"optimizer {kind.__name__}\nhidden {HIDDEN}\nbatch_size {batch}\n")
        for key, value in {**arguments, **extras}.items():
            file.write(f"{key} {float(value):.9g}\n")
        write_numbers(file, "initial", flat(parameters))
        optimizer = kind(groups_of(network, arguments), **arguments)
        losses = list(train(network, optimizer, batch, x, y, steps, extras))
        file.write(f"epochs {len(losses)}\n")
        write_numbers(file, "losses", losses)
        write_numbers(file, "final", flat(parameters))


def main():
    (HERE / "curves").mkdir(exist_ok=True)
    x, y = read_data()
    for name in CASES:
        make(name, x, y)
        print("wrote", name)


if __name__ == "__main__":
    main()
