#!/usr/bin/python3
"""model_file_test.py SERVER FOLDER: exported files read by the format's published rules with
NumPy and PyTorch, and files made there imported. No code of ours but the server's."""

import json
import struct
import sys
import unittest

import grpc
import harness
import numpy
import torch

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2 as service  # noqa: E402
from chainrule.v1 import prediction_service_pb2, tensor_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402


def read_safetensors(data):
    """Tensors by name, and the metadata, as the format's description says."""
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    body = data[8 + length:]
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32"
        begin, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(body[begin:end], "<f4").reshape(entry["shape"])
    return tensors, metadata


def write_safetensors(tensors):
    header, body = {}, b""
    for name, tensor in tensors.items():
        raw = numpy.ascontiguousarray(tensor, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def spec(inputs):
    layer = model_pb2.LayerSpec
    return model_pb2.ModelSpec(
        input_width=inputs, loss=model_pb2.LOSS_MEAN_SQUARED_ERROR,
        layers=[layer(units=6, activation=model_pb2.ACTIVATION_TANH),
                layer(units=2, activation=model_pb2.ACTIVATION_IDENTITY)],
        optimizer=model_pb2.Optimizer(adam=model_pb2.Adam()))


class ModelFileTest(unittest.TestCase):
    INPUTS = 128  # rows of such weights have gaps in the server's memory

    @classmethod
    def setUpClass(cls):
        cls.server = harness.ServerProcess(SERVER)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.models = ModelServiceStub(cls.channel)
        cls.training = TrainingServiceStub(cls.channel)
        cls.prediction = PredictionServiceStub(cls.channel)
        random = numpy.random.default_rng(1)
        cls.x = random.normal(3, 2, (40, cls.INPUTS)).astype("f4")
        cls.y = random.normal(-5, 3, (40, 2)).astype("f4")
        cls.models.CreateModel(service.CreateModelRequest(
            model_id="source", model=model_pb2.Model(spec=spec(cls.INPUTS))))
        cls.train("source", fit_normalization=True)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__()

    @staticmethod
    def tensor(array):
        return tensor_pb2.Tensor(shape=array.shape, values=array.ravel())

    @classmethod
    def train(cls, model, **options):
        return cls.training.Train(training_service_pb2.TrainRequest(
            model=f"models/{model}", epochs=3, batch_size=8, examples=tensor_pb2.Examples(
                inputs=cls.tensor(cls.x), targets=cls.tensor(cls.y)), **options))

    def predict(self, model):
        reply = self.prediction.Predict(prediction_service_pb2.PredictRequest(
            model=f"models/{model}", inputs=self.tensor(self.x)))
        return numpy.array(reply.outputs.values, "f4").reshape(reply.outputs.shape)

    def export(self, model, **options):
        answers = list(self.models.ExportModel(
            service.ExportModelRequest(model=f"models/{model}", **options)))
        data = b"".join(answer.data for answer in answers[1:])
        self.assertEqual(answers[0].header.total_bytes, len(data))
        return data, answers[0].header

    def import_file(self, data, **header):
        def requests():
            yield service.ImportModelRequest(header=service.ImportModelHeader(
                total_bytes=header.pop("total_bytes", len(data)), **header))
            for place in range(0, len(data), 1000):
                yield service.ImportModelRequest(data=data[place:place + 1000])
        return self.models.ImportModel(requests())

    def assert_refused(self, text, data, **header):
        with self.assertRaises(grpc.RpcError) as refused:
            self.import_file(data, **header)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn(text, refused.exception.details())

    def test_numpy_gives_the_same_predictions(self):
        tensors, metadata = read_safetensors(self.export("source")[0])
        self.assertEqual(json.loads(metadata["chainrule.spec"])["input_width"], str(self.INPUTS))
        x = (self.x - tensors["normalization.mean"]) / tensors["normalization.scale"]
        a = numpy.tanh(x @ tensors["layers.0.weight"].T + tensors["layers.0.bias"])
        z = a @ tensors["layers.1.weight"].T + tensors["layers.1.bias"]
        if "target_normalization.mean" in tensors:
            z = z * tensors["target_normalization.scale"] + tensors["target_normalization.mean"]
        numpy.testing.assert_allclose(z, self.predict("source"), rtol=1e-4, atol=1e-4)

    def test_pytorch_takes_a_folded_file(self):
        tensors, _ = read_safetensors(self.export("source", fold_normalization=True)[0])
        self.assertEqual(len(tensors), 4)
        net = torch.nn.Module()
        net.layers = torch.nn.ModuleList([torch.nn.Linear(self.INPUTS, 6), torch.nn.Linear(6, 2)])
        net.load_state_dict({name: torch.tensor(value) for name, value in tensors.items()})
        with torch.no_grad():
            out = net.layers[1](torch.tanh(net.layers[0](torch.tensor(self.x)))).numpy()
        numpy.testing.assert_allclose(out, self.predict("source"), rtol=1e-3, atol=1e-3)

    def test_a_file_of_pytorch_becomes_a_model(self):
        torch.manual_seed(1)
        first, second = torch.nn.Linear(self.INPUTS, 6), torch.nn.Linear(6, 2)
        data = write_safetensors({
            "layers.0.weight": first.weight.detach().numpy(),
            "layers.0.bias": first.bias.detach().numpy(),
            "layers.1.weight": second.weight.detach().numpy(),
            "layers.1.bias": second.bias.detach().numpy()})
        model = self.import_file(data, model_id="foreign", spec=spec(self.INPUTS))
        self.assertEqual(model.step, 0)
        with torch.no_grad():
            expected = second(torch.tanh(first(torch.tensor(self.x)))).numpy()
        numpy.testing.assert_allclose(self.predict("foreign"), expected, rtol=1e-4, atol=1e-5)
        self.assert_refused("header.spec: missing", data, model_id="without-spec")
        self.assert_refused("layers.0.weight", data, model_id="other", spec=spec(5))

    def test_training_goes_on_from_a_file_in_the_same_bits(self):
        data, header = self.export("source", include_optimizer=True)
        model = self.import_file(data, model_id="twin", digest=header.digest)
        self.assertEqual(model.step, header.model_step)
        with self.subTest("into a model that is there"):
            into = self.import_file(data, model="models/twin", if_step=model.step)
            self.assertEqual(into.step, model.step + 1)
        self.import_file(data, model_id="second")
        self.train("second")
        self.import_file(data, model="models/second")
        numpy.testing.assert_array_equal(self.predict("second"), self.predict("twin"))
        again, _ = self.export("second", include_optimizer=True)
        expected, found = read_safetensors(data)[0], read_safetensors(again)[0]
        self.assertEqual(expected.keys(), found.keys())
        for name, value in expected.items():
            numpy.testing.assert_array_equal(found[name], value)

    def test_what_is_not_the_announced_file_is_refused(self):
        data, header = self.export("source")
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        self.assert_refused("digest", damaged, model_id="damaged", digest=header.digest)
        self.assert_refused("ended after", data[:-4], model_id="damaged", total_bytes=len(data))
        self.assert_refused("more bytes", data, model_id="damaged", total_bytes=len(data) - 1)
        self.assert_refused("file", data + b"x", model_id="damaged")
        self.assert_refused("max_import_bytes", b"", model_id="damaged", total_bytes=1 << 40)
        with self.assertRaises(grpc.RpcError) as missing:
            self.models.GetModel(service.GetModelRequest(name="models/damaged"))
        self.assertEqual(missing.exception.code(), grpc.StatusCode.NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
