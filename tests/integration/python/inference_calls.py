"""Calls of the Open Inference Protocol. Import it once its classes are generated."""

from inference import grpc_service_pb2 as oip

WIDTH = 4
ROWS = [[0.5, -1.0, 2.0, 3.0], [1.0, 0.0, -2.0, 7.0]]


def infer_request(model="m", datatype="FP32", shape=None, raw=None, **contents):
    request = oip.ModelInferRequest(model_name=model, id="call-7")
    tensor = request.inputs.add(name="input", datatype=datatype,
                                shape=[len(ROWS), WIDTH] if shape is None else shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    for field, values in contents.items():
        getattr(tensor.contents, field).extend(values)
    return request


def flat(rows):
    return [value for row in rows for value in row]


def index(stub, **request):
    """The repository's index: (name, version) to (state, reason)."""
    answer = stub.RepositoryIndex(oip.RepositoryIndexRequest(**request))
    return {(model.name, model.version): (model.state, model.reason) for model in answer.models}
