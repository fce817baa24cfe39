#!/usr/bin/python3
"""sklearn_test.py SERVER CLI: regression and three classes through the command line, beside
scikit-learn's multi-layer perceptron of the same widths on the same five splits."""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import harness
import numpy
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

SERVER, CLI = sys.argv.pop(1), sys.argv.pop(1)
DATA = harness.ROOT / "client" / "examples" / "data"
FOLDS, HIDDEN, EPOCHS, BATCH = 5, 16, 60, 16
# What two trainings that differ in their seed alone differ by on so few rows.
R_SQUARED_NOISE, ACCURACY_NOISE = 0.03, 0.02
PEER = {"hidden_layer_sizes": (HIDDEN,), "activation": "tanh", "solver": "adam",
        "learning_rate_init": 0.005, "batch_size": BATCH, "max_iter": EPOCHS,
        "n_iter_no_change": EPOCHS, "alpha": 0.0, "random_state": 1}


def table(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


class SklearnTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.ServerProcess(SERVER)
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.folder.cleanup()

    def chainrule(self, *words):
        done = subprocess.run([CLI, f"--server={self.server.address}", "--output=json", *words],
                              check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def write(self, name, header, rows):
        path = pathlib.Path(self.folder.name, name)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return str(path)

    def ours(self, name, label, header, learn, test, *flags):
        learn = self.write(f"{name}-learn.csv", header, learn)
        test = self.write(f"{name}-test.csv", header, test)
        self.chainrule("create", name, "--from", learn, "--label", label, "--hidden", str(HIDDEN),
                       "--activation", "tanh", "--optimizer", "adam", "--learning-rate", "0.005",
                       *flags)
        self.chainrule("train", name, learn, "--label", label, "--normalize",
                       "--epochs", str(EPOCHS), "--batch-size", str(BATCH))
        return self.chainrule("evaluate", name, test, "--label", label)["metrics"]

    def splits(self, rows):
        for fold in range(FOLDS):
            yield (fold, [row for i, row in enumerate(rows) if i % FOLDS != fold],
                   [row for i, row in enumerate(rows) if i % FOLDS == fold])

    def test_regression_is_at_the_level_of_scikit_learn(self):
        header, rows = table("diabetes.csv")
        label = header[-1]
        ours, theirs = [], []
        for fold, learn, test in self.splits(rows):
            ours.append(self.ours(f"diabetes-{fold}", label, header, learn, test,
                                  "--regression")["r_squared"])
            learn, test = numpy.array(learn, float), numpy.array(test, float)
            scale_x, scale_y = StandardScaler(), StandardScaler()
            peer = MLPRegressor(**PEER).fit(scale_x.fit_transform(learn[:, :-1]),
                                            scale_y.fit_transform(learn[:, -1:]).ravel())
            answer = scale_y.inverse_transform(
                peer.predict(scale_x.transform(test[:, :-1])).reshape(-1, 1)).ravel()
            wrong = ((answer - test[:, -1]) ** 2).sum()
            theirs.append(1 - wrong / ((test[:, -1] - test[:, -1].mean()) ** 2).sum())
        print(f"diabetes, R²: ours {numpy.mean(ours):.3f}, scikit-learn's {numpy.mean(theirs):.3f}")
        self.assertGreaterEqual(numpy.mean(ours), numpy.mean(theirs) - R_SQUARED_NOISE)

    def test_three_classes_are_at_the_level_of_scikit_learn(self):
        header, rows = table("iris.csv")
        label = header[-1]
        ours, theirs = [], []
        for fold, learn, test in self.splits(rows):
            ours.append(self.ours(f"iris-{fold}", label, header, learn, test)["accuracy"])
            scale = StandardScaler()
            numbers = lambda part: numpy.array([row[:-1] for row in part], float)
            peer = MLPClassifier(**PEER).fit(scale.fit_transform(numbers(learn)),
                                             [row[-1] for row in learn])
            theirs.append(peer.score(scale.transform(numbers(test)), [row[-1] for row in test]))
        print(f"iris, accuracy: ours {numpy.mean(ours):.3f}, "
              f"scikit-learn's {numpy.mean(theirs):.3f}")
        self.assertGreaterEqual(numpy.mean(ours), numpy.mean(theirs) - ACCURACY_NOISE)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
