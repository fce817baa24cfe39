#!/usr/bin/python3
"""inference_test.py SERVER FOLDER: the Open Inference Protocol from a client that knows
nothing of chainrule.v1 where it infers: good and bad input, raw and typed, during training."""

import json
import random
import struct
import sys
import unittest

import grpc
import harness
import numpy

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, prediction_service_pb2  # noqa: E402
from chainrule.v1 import tensor_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402
from inference import grpc_service_pb2 as oip  # noqa: E402
from inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub  # noqa: E402
from inference_calls import ROWS, WIDTH, flat, index, infer_request  # noqa: E402

FEATURES = ["a", "b", "c", "d"]
CLASSES = ["low", "mid \"quoted\"", "high"]


class InferenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.ServerProcess(SERVER)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.models = ModelServiceStub(cls.channel)
        cls.stub = GRPCInferenceServiceStub(cls.channel)
        spec = model_pb2.ModelSpec(
            input_width=WIDTH, feature_names=FEATURES, class_names=CLASSES,
            layers=[model_pb2.LayerSpec(units=8),
                    model_pb2.LayerSpec(units=3, activation=model_pb2.ACTIVATION_SOFTMAX)],
            loss=model_pb2.LOSS_CATEGORICAL_CROSS_ENTROPY)
        for name in ("m", "other"):
            cls.models.CreateModel(model_service_pb2.CreateModelRequest(
                model_id=name, model=model_pb2.Model(spec=spec)))

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__()

    def predict(self, rows):
        return list(PredictionServiceStub(self.channel).Predict(
            prediction_service_pb2.PredictRequest(
                model="models/m", inputs=tensor_pb2.Tensor(
                    shape=[len(rows), WIDTH], values=flat(rows)))).outputs.values)

    def refuse(self, code, text, call, request):
        with self.assertRaises(grpc.RpcError) as raised:
            call(request)
        self.assertEqual(raised.exception.code(), code)
        self.assertIn(text, raised.exception.details())

    def test_live_ready_and_metadata(self):
        self.assertTrue(self.stub.ServerLive(oip.ServerLiveRequest()).live)
        self.assertTrue(self.stub.ServerReady(oip.ServerReadyRequest()).ready)
        self.assertTrue(self.stub.ModelReady(oip.ModelReadyRequest(name="m")).ready)
        self.assertFalse(self.stub.ModelReady(oip.ModelReadyRequest(name="none")).ready)
        self.assertFalse(self.stub.ModelReady(
            oip.ModelReadyRequest(name="m", version="99")).ready)
        server = self.stub.ServerMetadata(oip.ServerMetadataRequest())
        self.assertEqual(server.name, "chainrule")
        self.assertEqual(list(server.extensions), ["model_configuration", "statistics"])

    def test_model_metadata_and_config_describe_the_tensors(self):
        metadata = self.stub.ModelMetadata(oip.ModelMetadataRequest(name="m"))
        self.assertEqual((metadata.name, metadata.platform), ("m", "chainrule"))
        [tensor] = metadata.inputs
        self.assertEqual((tensor.name, tensor.datatype, list(tensor.shape)),
                         ("input", "FP32", [-1, WIDTH]))
        self.assertEqual(json.loads(tensor.parameters["feature_names"].string_param), FEATURES)
        [tensor] = metadata.outputs
        self.assertEqual((tensor.name, tensor.datatype, list(tensor.shape)),
                         ("output", "FP32", [-1, 3]))
        self.assertEqual(json.loads(tensor.parameters["class_names"].string_param), CLASSES)
        # Field 6, on whose type implementations disagree, is not there.
        self.assertNotIn(6, metadata.DESCRIPTOR.fields_by_number)
        config = self.stub.ModelConfig(oip.ModelConfigRequest(name="m")).config
        self.assertGreater(config.max_batch_size, 0)
        self.assertEqual(list(config.input[0].dims), [WIDTH])
        self.assertEqual(json.loads(config.parameters["class_names"].string_value), CLASSES)
        self.refuse(grpc.StatusCode.NOT_FOUND, "none", self.stub.ModelMetadata,
                    oip.ModelMetadataRequest(name="none"))

    def test_typed_contents_are_answered_typed_with_predicts_bits(self):
        reply = self.stub.ModelInfer(infer_request(fp32_contents=flat(ROWS)))
        self.assertEqual((reply.model_name, reply.model_version, reply.id), ("m", "", "call-7"))
        [output] = reply.outputs
        self.assertEqual((output.name, output.datatype, list(output.shape)),
                         ("output", "FP32", [2, 3]))
        self.assertEqual(list(output.contents.fp32_contents), self.predict(ROWS))
        self.assertEqual(len(reply.raw_output_contents), 0)
        self.assertIn("model_step", reply.parameters)

    def test_raw_contents_are_answered_raw(self):
        raw = numpy.array(ROWS, dtype="<f4").tobytes()
        request = infer_request(raw=raw)
        request.outputs.add(name="output")
        reply = self.stub.ModelInfer(request)
        self.assertFalse(reply.outputs[0].HasField("contents"))
        [output] = reply.raw_output_contents
        self.assertEqual(numpy.frombuffer(output, dtype="<f4").tolist(), self.predict(ROWS))

    def test_no_rows_are_no_outputs(self):
        for request in (infer_request(shape=[0, WIDTH]), infer_request(shape=[0, WIDTH], raw=b"")):
            [output] = self.stub.ModelInfer(request).outputs
            self.assertEqual(list(output.shape), [0, 3])

    def test_integers_and_doubles_are_converted(self):
        rows = [[1, 2, 3, 4], [100, 0, 7, 120]]
        wanted = self.predict(rows)
        for datatype, numpy_type, field in [
                ("FP64", "<f8", "fp64_contents"), ("INT8", "<i1", "int_contents"),
                ("INT16", "<i2", "int_contents"), ("INT32", "<i4", "int_contents"),
                ("INT64", "<i8", "int64_contents"), ("UINT8", "<u1", "uint_contents"),
                ("UINT16", "<u2", "uint_contents"), ("UINT32", "<u4", "uint_contents"),
                ("UINT64", "<u8", "uint64_contents")]:
            with self.subTest(datatype):
                typed = self.stub.ModelInfer(infer_request(datatype=datatype, **{field: flat(rows)}))
                self.assertEqual(list(typed.outputs[0].contents.fp32_contents), wanted)
                raw = self.stub.ModelInfer(infer_request(
                    datatype=datatype, raw=numpy.array(rows, dtype=numpy_type).tobytes()))
                self.assertEqual(
                    numpy.frombuffer(raw.raw_output_contents[0], dtype="<f4").tolist(), wanted)

    def test_negative_integers_keep_their_sign(self):
        rows = [[-1, -128, 5, 0]]
        reply = self.stub.ModelInfer(infer_request(
            datatype="INT8", shape=[1, WIDTH], raw=struct.pack("<4b", *rows[0])))
        self.assertEqual(numpy.frombuffer(reply.raw_output_contents[0], dtype="<f4").tolist(),
                         self.predict(rows))

    def test_bad_requests_are_status_codes_that_name_the_field(self):
        values = flat(ROWS)
        both = infer_request(raw=numpy.array(ROWS, dtype="<f4").tobytes(), fp32_contents=values)
        renamed = infer_request(fp32_contents=values)
        renamed.inputs[0].name = "x"
        asked = infer_request(fp32_contents=values)
        asked.outputs.add(name="logits")
        classes = infer_request(fp32_contents=values)
        classes.outputs.add(name="output").parameters["classification"].int64_param = 1
        none = infer_request(fp32_contents=values)
        del none.inputs[:]
        for request, text in [
                (infer_request(fp32_contents=values, shape=[2, 3]), "inputs[0].shape"),
                (infer_request(fp32_contents=values, shape=[8]), "inputs[0].shape"),
                (infer_request(fp32_contents=values, shape=[-1, WIDTH]), "inputs[0].shape"),
                (infer_request(fp32_contents=values, shape=[2**62, WIDTH]), "max_rows"),
                (infer_request(fp32_contents=values[1:]), "inputs[0].contents.fp32_contents"),
                (infer_request(fp64_contents=values), "inputs[0].contents.fp32_contents"),
                (infer_request(raw=b"\x00" * 31), "raw_input_contents[0]: 31 bytes"),
                (infer_request(datatype="FP16", raw=b"\x00" * 16), "inputs[0].datatype"),
                (infer_request(datatype="BYTES", bytes_contents=[b"x"]), "inputs[0].datatype"),
                (infer_request(fp32_contents=[float("nan"), *values[1:]]), "column 0 (a)"),
                (infer_request(datatype="FP64", fp64_contents=[1e300, *values[1:]]), "float32"),
                (infer_request(model="M"), "model_name"),
                (both, "inputs[0].contents"), (renamed, "'input'"), (asked, "'output'"),
                (classes, "classification"), (none, "inputs: 0 tensors")]:
            with self.subTest(text):
                self.refuse(grpc.StatusCode.INVALID_ARGUMENT, text, self.stub.ModelInfer, request)
        self.refuse(grpc.StatusCode.NOT_FOUND, "none", self.stub.ModelInfer,
                    infer_request(model="none", fp32_contents=values))
        versioned = infer_request(fp32_contents=values)
        versioned.model_version = "99"
        self.refuse(grpc.StatusCode.NOT_FOUND, "99", self.stub.ModelInfer, versioned)
        versioned.model_version = "0"
        self.refuse(grpc.StatusCode.INVALID_ARGUMENT, "'0'; must be a version's number or an alias",
                    self.stub.ModelInfer, versioned)

    def test_statistics_count_what_was_asked(self):
        def sums():
            [stats] = self.stub.ModelStatistics(
                oip.ModelStatisticsRequest(name="other")).model_stats
            return stats
        self.assertEqual(sums().execution_count, 0)
        self.assertEqual(sums().last_inference, 0)
        for _ in range(3):
            self.stub.ModelInfer(infer_request(model="other", fp32_contents=flat(ROWS)))
        with self.assertRaises(grpc.RpcError):
            self.stub.ModelInfer(infer_request(
                model="other", fp32_contents=[float("inf"), *flat(ROWS)[1:]]))
        stats = sums()
        self.assertEqual((stats.name, stats.version), ("other", ""))
        self.assertEqual((stats.inference_count, stats.execution_count), (6, 3))
        self.assertEqual((stats.inference_stats.success.count, stats.inference_stats.fail.count),
                         (3, 1))
        self.assertGreater(stats.last_inference, 0)
        self.assertGreater(stats.inference_stats.compute_infer.ns, 0)
        self.assertGreaterEqual(
            stats.inference_stats.success.ns,
            stats.inference_stats.compute_infer.ns + stats.inference_stats.queue.ns)
        [batches] = stats.batch_stats  # of two rows, three times
        self.assertEqual((batches.batch_size, batches.compute_infer.count), (2, 3))
        self.assertEqual(batches.compute_infer.ns, stats.inference_stats.compute_infer.ns)
        self.stub.ModelInfer(infer_request(
            model="other", shape=[3 * len(ROWS), WIDTH], fp32_contents=3 * flat(ROWS)))
        self.assertEqual([(size.batch_size, size.compute_output.count)
                          for size in sums().batch_stats], [(2, 3), (8, 1)])
        [memory] = stats.memory_usage
        self.assertEqual((memory.type, memory.id), ("CPU", 0))
        self.assertEqual(memory.byte_size, self.models.GetModel(
            model_service_pb2.GetModelRequest(name="models/other")).memory_bytes)
        names = {s.name for s in self.stub.ModelStatistics(oip.ModelStatisticsRequest()).model_stats}
        self.assertLessEqual({"m", "other"}, names)

    def test_statistics_of_a_deleted_version_go_with_it(self):
        self.create("forgotten")

        def versions():
            return [stats.version for stats in self.stub.ModelStatistics(
                oip.ModelStatisticsRequest(name="forgotten")).model_stats]
        request = infer_request(model="forgotten", fp32_contents=flat(ROWS))
        for request.model_version in ("1", "2"):
            self.models.PublishVersion(model_service_pb2.PublishVersionRequest(
                model="models/forgotten"))
            self.stub.ModelInfer(request)
        self.assertEqual(versions(), ["", "1", "2"])
        self.models.DeleteModelVersion(model_service_pb2.DeleteModelVersionRequest(
            name="models/forgotten@1"))
        self.assertEqual(versions(), ["", "2"])

    def test_the_index_lists_the_models_and_their_versions(self):
        self.create("indexed")
        for _ in range(2):
            self.models.PublishVersion(model_service_pb2.PublishVersionRequest(
                model="models/indexed"))
        found = index(self.stub, ready=True)
        for entry in [("m", ""), ("other", ""), ("indexed", ""), ("indexed", "1"),
                      ("indexed", "2")]:
            self.assertEqual(found[entry], ("READY", ""))
        self.models.DeleteModel(model_service_pb2.DeleteModelRequest(name="models/indexed"))
        self.assertFalse([entry for entry in index(self.stub) if entry[0] == "indexed"])
        self.assertFalse(self.stub.ModelReady(oip.ModelReadyRequest(name="indexed")).ready)

    def create(self, name):
        spec = model_pb2.ModelSpec(
            input_width=WIDTH,
            layers=[model_pb2.LayerSpec(units=3, activation=model_pb2.ACTIVATION_SOFTMAX)],
            loss=model_pb2.LOSS_CATEGORICAL_CROSS_ENTROPY)
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)))

    def test_a_version_or_an_alias_is_the_models_version(self):
        self.create("versioned")
        publish = model_service_pb2.PublishVersionRequest(model="models/versioned")
        self.models.PublishVersion(publish)
        request = infer_request(model="versioned", fp32_contents=flat(ROWS))
        first = self.stub.ModelInfer(request)
        TrainingServiceStub(self.channel).Train(training_service_pb2.TrainRequest(
            model="models/versioned", learning_rate=1, examples=tensor_pb2.Examples(
                inputs=tensor_pb2.Tensor(shape=[2, WIDTH], values=flat(ROWS)),
                class_labels=tensor_pb2.ClassLabels(ids=[0, 2]))))
        self.models.PublishVersion(publish)
        self.models.SetAlias(model_service_pb2.SetAliasRequest(
            model="models/versioned", alias="prod", version=1))

        def outputs(version):
            request.model_version = version
            reply = self.stub.ModelInfer(request)
            return reply.model_version, list(reply.outputs[0].contents.fp32_contents)
        then = list(first.outputs[0].contents.fp32_contents)
        self.assertEqual(outputs("1"), ("1", then))
        self.assertEqual(outputs("prod"), ("1", then))
        self.assertNotEqual(outputs("2")[1], then)
        self.assertEqual(outputs("")[1], outputs("2")[1])
        for version in ("", "2", "prod"):
            metadata = self.stub.ModelMetadata(
                oip.ModelMetadataRequest(name="versioned", version=version))
            self.assertEqual(list(metadata.versions), ["1", "2"])
            self.assertTrue(self.stub.ModelReady(
                oip.ModelReadyRequest(name="versioned", version=version)).ready)
        self.models.SetAlias(model_service_pb2.SetAliasRequest(
            model="models/versioned", alias="default", version=1))
        self.assertEqual(outputs(""), ("1", then))
        self.refuse(grpc.StatusCode.NOT_FOUND, "none", self.stub.ModelMetadata,
                    oip.ModelMetadataRequest(name="versioned", version="none"))

    def test_infers_while_the_model_is_trained(self):
        spec = model_pb2.ModelSpec(input_width=WIDTH,
                                   layers=[model_pb2.LayerSpec(units=64), model_pb2.LayerSpec(units=1)])
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id="trained", model=model_pb2.Model(spec=spec)))
        chance = random.Random(1)
        rows = [[chance.uniform(-1, 1) for _ in range(WIDTH)] for _ in range(512)]
        examples = tensor_pb2.Examples(
            inputs=tensor_pb2.Tensor(shape=[512, WIDTH], values=flat(rows)),
            targets=tensor_pb2.Tensor(shape=[512, 1], values=[float(row[0] > 0) for row in rows]))
        training = TrainingServiceStub(self.channel).Train.future(training_service_pb2.TrainRequest(
            model="models/trained", examples=examples, epochs=1_000_000, batch_size=32))
        steps = set()
        while len(steps) < 20:  # a training that stands still would never end this
            reply = self.stub.ModelInfer(infer_request(model="trained", fp32_contents=flat(ROWS)))
            self.assertEqual(len(reply.outputs[0].contents.fp32_contents), 2)
            steps.add(reply.parameters["model_step"].int64_param)
        self.assertFalse(training.done())
        training.cancel()


if __name__ == "__main__":
    unittest.main()
