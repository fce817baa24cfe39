#!/usr/bin/python3
"""inference_facts_test.py FOLDER: what goes over the wire of the Open Inference Protocol, against
its published tables: the numbers and types of the fields, of which clients have their own copy."""

import sys
import unittest

import harness

FOLDER = sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from inference import grpc_service_pb2, model_config_pb2  # noqa: E402

# Message: field number, name and type; * is repeated, and the name of a message its type.
TABLE = """
ServerLiveRequest:
ServerLiveResponse: 1 live bool
ServerReadyRequest:
ServerReadyResponse: 1 ready bool
ModelReadyRequest: 1 name string, 2 version string
ModelReadyResponse: 1 ready bool
ServerMetadataRequest:
ServerMetadataResponse: 1 name string, 2 version string, 3 extensions string*
ModelMetadataRequest: 1 name string, 2 version string
ModelMetadataResponse: 1 name string, 2 versions string*, 3 platform string, \
    4 inputs TensorMetadata*, 5 outputs TensorMetadata*
ModelMetadataResponse.TensorMetadata: 1 name string, 2 datatype string, 3 shape int64*
ModelInferRequest: 1 model_name string, 2 model_version string, 3 id string, \
    4 parameters InferParameter{}, 5 inputs InferInputTensor*, \
    6 outputs InferRequestedOutputTensor*, 7 raw_input_contents bytes*
ModelInferRequest.InferInputTensor: 1 name string, 2 datatype string, 3 shape int64*, \
    4 parameters InferParameter{}, 5 contents InferTensorContents
ModelInferRequest.InferRequestedOutputTensor: 1 name string, 2 parameters InferParameter{}
ModelInferResponse: 1 model_name string, 2 model_version string, 3 id string, \
    4 parameters InferParameter{}, 5 outputs InferOutputTensor*, 6 raw_output_contents bytes*
ModelInferResponse.InferOutputTensor: 1 name string, 2 datatype string, 3 shape int64*, \
    4 parameters InferParameter{}, 5 contents InferTensorContents
InferParameter: 1 bool_param bool, 2 int64_param int64, 3 string_param string, \
    4 double_param double, 5 uint64_param uint64
InferTensorContents: 1 bool_contents bool*, 2 int_contents int32*, 3 int64_contents int64*, \
    4 uint_contents uint32*, 5 uint64_contents uint64*, 6 fp32_contents float*, \
    7 fp64_contents double*, 8 bytes_contents bytes*
ModelConfigRequest: 1 name string, 2 version string
ModelConfigResponse: 1 config ModelConfig
ModelStatisticsRequest: 1 name string, 2 version string
ModelStatisticsResponse: 1 model_stats ModelStatistics*
RepositoryIndexRequest: 1 repository_name string, 2 ready bool
RepositoryIndexResponse: 1 models ModelIndex*
RepositoryIndexResponse.ModelIndex: 1 name string, 2 version string, 3 state string, \
    4 reason string
StatisticDuration: 1 count uint64, 2 ns uint64
InferStatistics: 1 success StatisticDuration, 2 fail StatisticDuration, \
    3 queue StatisticDuration, 4 compute_input StatisticDuration, \
    5 compute_infer StatisticDuration, 6 compute_output StatisticDuration
InferBatchStatistics: 1 batch_size uint64, 2 compute_input StatisticDuration, \
    3 compute_infer StatisticDuration, 4 compute_output StatisticDuration
MemoryUsage: 1 type string, 2 id int64, 3 byte_size uint64
ModelStatistics: 1 name string, 2 version string, 3 last_inference uint64, \
    4 inference_count uint64, 5 execution_count uint64, 6 inference_stats InferStatistics, \
    7 batch_stats InferBatchStatistics*, 8 memory_usage MemoryUsage*
ModelConfig: 1 name string, 2 platform string, 4 max_batch_size int32, 5 input ModelInput*, \
    6 output ModelOutput*, 17 backend string
ModelInput: 1 name string, 2 data_type DataType, 4 dims int64*
ModelOutput: 1 name string, 2 data_type DataType, 3 dims int64*
"""
DATA_TYPES = ("INVALID BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 STRING "
              "BF16")


def type_of(field):
    kind = field.type
    names = {getattr(field, f"TYPE_{name.upper()}"): name
             for name in ("bool", "string", "bytes", "int32", "int64", "uint32", "uint64", "float",
                          "double")}
    repeated = "*" if field.label == field.LABEL_REPEATED else ""
    if kind == field.TYPE_ENUM:
        return field.enum_type.name + repeated
    if kind != field.TYPE_MESSAGE:
        return names[kind] + repeated
    if field.message_type.GetOptions().map_entry:
        return field.message_type.fields_by_name["value"].message_type.name + "{}"
    return field.message_type.name + repeated


def find(name):
    file = (grpc_service_pb2 if name.split(".")[0] in
            grpc_service_pb2.DESCRIPTOR.message_types_by_name else model_config_pb2)
    message = file
    for part in name.split("."):
        message = getattr(message, part)
    return message.DESCRIPTOR


class InferenceFactsTest(unittest.TestCase):
    def test_fields_have_the_published_numbers_and_types(self):
        for line in TABLE.replace("\\\n", "").strip().splitlines():
            name, _, fields = line.partition(":")
            wanted = {}
            for field in filter(None, (field.strip() for field in fields.split(","))):
                number, field_name, kind = field.split()
                wanted[int(number)] = (field_name, kind)
            with self.subTest(name):
                found = {field.number: (field.name, type_of(field)) for field in find(name).fields}
                for number, field in wanted.items():
                    self.assertEqual(found.get(number), field)

    def test_fields_beyond_the_tables_are_none_of_the_standards(self):
        response = grpc_service_pb2.ModelMetadataResponse.DESCRIPTOR
        self.assertNotIn(6, response.fields_by_number)  # of which there are three meanings

    def test_data_types_have_the_published_numbers(self):
        values = model_config_pb2.DataType.DESCRIPTOR.values_by_name
        for number, name in enumerate(DATA_TYPES.split()):
            self.assertEqual(values[f"TYPE_{name}"].number, number)

    def test_methods_have_the_published_paths(self):
        service = grpc_service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
        self.assertEqual(service.full_name, "inference.GRPCInferenceService")
        for name in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata",
                     "ModelInfer", "ModelConfig", "ModelStatistics", "RepositoryIndex"):
            method = service.methods_by_name[name]
            self.assertEqual(method.input_type.full_name, f"inference.{name}Request")
            self.assertEqual(method.output_type.full_name, f"inference.{name}Response")


if __name__ == "__main__":
    unittest.main()
