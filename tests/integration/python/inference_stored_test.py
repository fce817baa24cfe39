#!/usr/bin/python3
"""inference_stored_test.py SERVER FOLDER: what the Open Inference Protocol says of models whose
numbers are on the disk."""

import pathlib
import sys
import tempfile
import unittest

import grpc
import harness

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from inference import grpc_service_pb2 as oip  # noqa: E402
from inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub  # noqa: E402
from inference_calls import ROWS, WIDTH, flat, index, infer_request  # noqa: E402


class StoredModelsTest(unittest.TestCase):
    """Models whose numbers are on the disk: cold ones, and one that is damaged."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name) / "data"

    def serve(self):
        server = harness.ServerProcess(SERVER, f"--data_dir={self.data}")
        self.addCleanup(server.__exit__)
        channel = grpc.insecure_channel(server.address)
        self.addCleanup(channel.close)
        return server, ModelServiceStub(channel), GRPCInferenceServiceStub(channel)

    def damage(self, weights):
        [file] = self.data.glob(f"weights/{weights}")
        content = bytearray(file.read_bytes())
        content[-5] ^= 1
        file.write_bytes(content)

    def test_cold_ones_are_ready_and_a_damaged_one_is_not_once_that_is_seen(self):
        server, models, stub = self.serve()
        spec = model_pb2.ModelSpec(input_width=WIDTH, layers=[model_pb2.LayerSpec(units=3)])
        uids = {}
        for name in ("sound", "damaged"):
            uids[name] = models.CreateModel(model_service_pb2.CreateModelRequest(
                model_id=name, model=model_pb2.Model(spec=spec))).uid
        models.PublishVersion(model_service_pb2.PublishVersionRequest(model="models/damaged"))
        wanted = stub.ModelInfer(infer_request(model="sound", fp32_contents=flat(ROWS)))
        self.assertEqual(server.stop()[0], 0)
        self.damage(f"{uids['damaged']}-checkpoint-*")
        _, _, stub = self.serve()
        for name in uids:
            self.assertTrue(stub.ModelReady(oip.ModelReadyRequest(name=name)).ready)
        self.assertEqual(stub.ModelInfer(infer_request(model="sound", fp32_contents=flat(ROWS))),
                         wanted)
        with self.assertRaises(grpc.RpcError) as raised:
            stub.ModelInfer(infer_request(model="damaged", fp32_contents=flat(ROWS)))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DATA_LOSS)
        self.assertFalse(stub.ModelReady(oip.ModelReadyRequest(name="damaged")).ready)
        self.assertTrue(stub.ModelReady(oip.ModelReadyRequest(name="sound")).ready)
        found = index(stub)
        self.assertEqual(found[("sound", "")], ("READY", ""))
        state, reason = found[("damaged", "")]
        self.assertEqual(state, "UNAVAILABLE")
        self.assertIn("damaged", reason)
        self.assertEqual(found[("damaged", "1")], ("READY", ""))
        self.assertNotIn(("damaged", ""), index(stub, ready=True))
        versioned = infer_request(model="damaged", fp32_contents=flat(ROWS))
        versioned.model_version = "1"
        self.assertEqual(len(stub.ModelInfer(versioned).outputs[0].contents.fp32_contents), 6)

    def test_a_damaged_version_is_not_ready_once_that_is_seen(self):
        server, models, stub = self.serve()
        spec = model_pb2.ModelSpec(input_width=WIDTH, layers=[model_pb2.LayerSpec(units=3)])
        uid = models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id="m", model=model_pb2.Model(spec=spec))).uid
        for _ in range(2):
            models.PublishVersion(model_service_pb2.PublishVersionRequest(model="models/m"))
        self.assertEqual(server.stop()[0], 0)
        self.damage(f"{uid}-version-1*")
        _, models, stub = self.serve()
        for version in ("1", "2"):
            self.assertTrue(stub.ModelReady(oip.ModelReadyRequest(name="m", version=version)).ready)
        request = infer_request(fp32_contents=flat(ROWS))
        request.model_version = "1"
        with self.assertRaises(grpc.RpcError) as raised:
            stub.ModelInfer(request)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DATA_LOSS)
        self.assertFalse(stub.ModelReady(oip.ModelReadyRequest(name="m", version="1")).ready)
        self.assertTrue(stub.ModelReady(oip.ModelReadyRequest(name="m", version="2")).ready)
        self.assertTrue(stub.ModelReady(oip.ModelReadyRequest(name="m")).ready)
        found = index(stub)
        self.assertEqual(found[("m", "1")][0], "UNAVAILABLE")
        self.assertEqual(found[("m", "2")], ("READY", ""))
        self.assertNotIn(("m", "1"), index(stub, ready=True))


if __name__ == "__main__":
    unittest.main()
