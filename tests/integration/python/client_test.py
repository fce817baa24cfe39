#!/usr/bin/python3
"""client_test.py SERVER FOLDER: the main way from Python's grpcio, with classes that are
generated from proto/ into FOLDER and no code of ours."""

import random
import sys
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


def rings(rows, seed):
    """Points in the plane, of class "inner" or "outer" by their distance from the middle."""
    chance = random.Random(seed)
    points = [(chance.uniform(-1, 1), chance.uniform(-1, 1)) for _ in range(rows)]
    names = ["inner" if x * x + y * y < 0.5 else "outer" for x, y in points]
    inputs = tensor_pb2.Tensor(shape=[rows, 2], values=[v for point in points for v in point])
    return tensor_pb2.Examples(
        inputs=inputs, class_labels=tensor_pb2.ClassLabels(names=names)), names


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.ServerProcess(SERVER)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.models = ModelServiceStub(cls.channel)
        cls.training = TrainingServiceStub(cls.channel)
        cls.prediction = PredictionServiceStub(cls.channel)
        spec = model_pb2.ModelSpec(
            input_width=2, class_names=["inner", "outer"],
            layers=[model_pb2.LayerSpec(units=12, activation=model_pb2.ACTIVATION_TANH),
                    model_pb2.LayerSpec(units=1)],
            optimizer=model_pb2.Optimizer(adam=model_pb2.Adam(), learning_rate=0.01))
        cls.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id="rings", model=model_pb2.Model(spec=spec)))

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__()

    def test_fits_predicts_and_gets_gradients(self):
        examples, _ = rings(600, seed=1)
        header = training_service_pb2.FitHeader(model="models/rings", epochs=60)
        answers = list(self.training.Fit(iter([
            training_service_pb2.FitRequest(header=header),
            training_service_pb2.FitRequest(examples=examples)])))
        losses = [a.epoch_report.loss for a in answers if a.HasField("epoch_report")]
        self.assertEqual(len(losses), 60)
        self.assertLess(losses[-1], losses[0])
        self.assertEqual(answers[-1].result.model_step, 60 * 19)

        held_out, names = rings(200, seed=2)
        predicted = self.prediction.Predict(prediction_service_pb2.PredictRequest(
            model="models/rings", inputs=held_out.inputs,
            include=[prediction_service_pb2.PREDICTION_PART_CLASSES]))
        right = sum(row.classes[0].name == name for row, name in zip(predicted.rows, names))
        self.assertGreater(right / len(names), 0.9)

        before = self.training.GetGradients(training_service_pb2.GetGradientsRequest(
            model="models/rings", examples=examples))
        self.assertEqual(list(before.layers[0].weights.shape), [12, 2])
        self.training.Train(training_service_pb2.TrainRequest(
            model="models/rings", examples=examples, epochs=20))
        after = self.training.GetGradients(training_service_pb2.GetGradientsRequest(
            model="models/rings", examples=examples))
        self.assertLess(after.loss, before.loss)

    def test_an_error_has_code_and_details(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.prediction.Predict(prediction_service_pb2.PredictRequest(model="models/none"))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        trailers = dict(raised.exception.trailing_metadata())
        self.assertIn(b"MODEL_NOT_FOUND", trailers["grpc-status-details-bin"])

    def test_reflection_lists_the_services(self):
        # ServerReflectionRequest { list_services = 7: "" }, without its generated class.
        ask = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=bytes, response_deserializer=bytes)
        answer = b"".join(ask(iter([b"\x3a\x00"])))
        for service in ("Model", "Training", "Prediction", "Server"):
            self.assertIn(f"chainrule.v1.{service}Service".encode(), answer)


if __name__ == "__main__":
    unittest.main()
