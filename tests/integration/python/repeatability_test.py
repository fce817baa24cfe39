#!/usr/bin/python3
"""repeatability_test.py SERVER FOLDER: the same spec, seed and rows give the same bits, through
servers of 1, 2, 3 and 8 threads, beside other models' trainings and after a copy; and a row's
outputs are the same bits alone and in any batch, in Predict and in Evaluate. Random shapes."""

import random
import sys
import threading
import unittest

import grpc
import harness
import numpy

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import evaluation_pb2, model_pb2, model_service_pb2, tensor_pb2  # noqa: E402
from chainrule.v1 import prediction_service_pb2 as prediction_pb2  # noqa: E402
from chainrule.v1 import training_service_pb2 as training_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402
from tensors import array_of, tensor  # noqa: E402

THREADS = [1, 2, 3, 8]
OPTIMIZERS = [{"sgd": model_pb2.Sgd(momentum=0.9)}, {"adam": model_pb2.Adam()},
              {"adamw": model_pb2.AdamW()}, {"rmsprop": model_pb2.RmsProp()},
              {"adagrad": model_pb2.Adagrad()}]
ACTIVATIONS = ["SIGMOID", "TANH", "RELU", "LEAKY_RELU", "GELU", "SOFTPLUS"]


def examples_of(x, labels):
    return tensor_pb2.Examples(inputs=tensor(x), class_labels=tensor_pb2.ClassLabels(ids=labels))


def question(name, rows):
    return prediction_pb2.PredictRequest(
        model=f"models/{name}", inputs=tensor(rows), include=["PREDICTION_PART_VALUES"],
        encoding="TENSOR_ENCODING_RAW")


class Case:
    """A network, rows and a way to train, all from one number."""

    def __init__(self, number):
        draw = random.Random(number)
        chance = numpy.random.RandomState(number)
        self.width, self.classes = draw.randint(1, 700), draw.randint(2, 12)
        self.rows = draw.randint(30, 700)
        layers = [model_pb2.LayerSpec(
            units=draw.randint(1, 600), dropout=draw.choice([0, 0.25]), l2=draw.choice([0, 0.01]),
            activation="ACTIVATION_" + draw.choice(ACTIVATIONS)) for _ in range(draw.randint(0, 3))]
        layers.append(model_pb2.LayerSpec(units=self.classes, activation="ACTIVATION_SOFTMAX"))
        self.spec = model_pb2.ModelSpec(
            input_width=self.width, layers=layers, loss="LOSS_CATEGORICAL_CROSS_ENTROPY",
            seed=number, optimizer=model_pb2.Optimizer(
                learning_rate=0.003, clip_norm=draw.choice([None, 1]),
                **draw.choice(OPTIMIZERS)))
        self.batch = draw.randint(20, self.rows)
        self.x = chance.uniform(-1, 1, (self.rows, self.width)).astype(numpy.float32)
        self.labels = chance.randint(0, self.classes, self.rows).tolist()
        self.examples = examples_of(self.x, self.labels)


class Client:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1)])
        self.models = ModelServiceStub(self.channel)
        self.training = TrainingServiceStub(self.channel)
        self.prediction = PredictionServiceStub(self.channel)

    def create(self, name, case):
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=case.spec)))

    def train(self, name, case, epochs=2):
        return self.training.Train(training_pb2.TrainRequest(
            model=f"models/{name}", examples=case.examples, batch_size=case.batch, epochs=epochs))

    def weights(self, name):
        answer = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=f"models/{name}", encoding="TENSOR_ENCODING_RAW"))
        return [(layer.weights.raw, layer.biases.raw) for layer in answer.layers]

    def evaluate(self, name, x, labels):
        return self.training.Evaluate(evaluation_pb2.EvaluateRequest(
            model=f"models/{name}", examples=examples_of(x, labels)))

    def predict(self, name, rows):
        return array_of(self.prediction.Predict(question(name, rows)).outputs)

    def stream(self, name, parts):
        questions = (prediction_pb2.StreamPredictRequest(request=question(name, rows))
                     for rows in parts)
        return [array_of(answer.response.outputs)
                for answer in self.prediction.StreamPredict(questions)]


class RepeatabilityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.servers = [harness.ServerProcess(SERVER, f"--threads={count}") for count in THREADS]
        cls.clients = [Client(server.address) for server in cls.servers]

    @classmethod
    def tearDownClass(cls):
        for client, server in zip(cls.clients, cls.servers):
            client.channel.close()
            server.__exit__()

    def test_any_number_of_threads_gives_the_same_weights(self):
        for number in range(8):
            case, name, seen = Case(number), f"plain{number}", []
            for client in self.clients:
                client.create(name, case)
                before = client.weights(name)
                client.train(name, case)
                seen.append(client.weights(name))
                self.assertNotEqual(before, seen[-1], "it did not learn")
            for count, weights in zip(THREADS, seen):
                self.assertEqual(weights, seen[0], (number, count))

    def test_trainings_beside_it_change_nothing(self):
        cases = [Case(number) for number in range(20, 24)]
        for client in self.clients[1:]:
            for i, case in enumerate(cases):
                client.create(f"alone{i}", case)
                client.create(f"beside{i}", case)
                client.train(f"alone{i}", case)
            callers = [threading.Thread(target=client.train, args=(f"beside{i}", case))
                       for i, case in enumerate(cases)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
            for i in range(len(cases)):
                self.assertEqual(client.weights(f"beside{i}"), client.weights(f"alone{i}"), i)

    def test_a_copy_learns_what_its_source_learns(self):
        for number in range(40, 43):
            case, client, name = Case(number), self.clients[1], f"source{number}"
            client.create(name, case)
            client.train(name, case, epochs=1)
            client.models.CopyModel(model_service_pb2.CopyModelRequest(
                source=f"models/{name}", model_id=f"copy{number}"))
            client.train(name, case)
            self.assertNotEqual(client.weights(name), client.weights(f"copy{number}"))
            client.train(f"copy{number}", case)
            self.assertEqual(client.weights(name), client.weights(f"copy{number}"), number)

    def test_a_row_is_answered_alike_alone_and_in_any_batch(self):
        for number in range(60, 66):
            case, name, draw = Case(number), f"asked{number}", random.Random(number)
            for client in self.clients[1:3]:
                client.create(name, case)
                client.train(name, case)
                whole = client.predict(name, case.x)
                most = min(70, case.rows)
                choices = [draw.sample(range(case.rows), draw.randint(1, most)) for _ in range(12)]
                streamed = client.stream(name, [case.x[chosen] for chosen in choices])
                for chosen, item in zip(choices, streamed, strict=True):
                    part = client.predict(name, case.x[chosen])
                    self.assertEqual(part.tobytes(), whole[chosen].tobytes(), (number, chosen))
                    self.assertEqual(item.tobytes(), part.tobytes(), (number, chosen))

    def test_evaluate_sees_what_predict_answers(self):
        """A row's loss is the same alone and among others, its guess the one of Predict; and all
        rows together are what the outputs of Predict say."""
        for number in range(80, 83):
            case, client, name = Case(number), self.clients[1], f"judged{number}"
            client.create(name, case)
            client.train(name, case)
            outputs = client.predict(name, case.x)
            guesses = outputs.argmax(axis=1)
            for row in range(0, case.rows, 9):
                x, label = case.x[row:row + 1], case.labels[row]
                alone = client.evaluate(name, x, [label])
                many = client.evaluate(name, numpy.repeat(x, 19, axis=0), [label] * 19)
                # But for the sum in double: another float32 anywhere would be seen at 1e-9.
                self.assertAlmostEqual(alone.loss, many.loss, delta=1e-14 * (1 + alone.loss))
                self.assertEqual(alone.metrics.accuracy, float(guesses[row] == label))
            whole = client.evaluate(name, case.x, case.labels)
            chosen = outputs[numpy.arange(case.rows), case.labels].astype(float)
            self.assertAlmostEqual(whole.metrics.accuracy, (guesses == case.labels).mean())
            self.assertAlmostEqual(whole.loss, -numpy.log(chosen).mean(), delta=1e-5)


if __name__ == "__main__":
    unittest.main()
